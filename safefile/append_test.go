// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package safefile_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/certagent/certagent/safefile"
)

// What others could have put at the path is refused, without waiting, and stays as it is.
func TestOpenAppendRefuses(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		put   func(t *testing.T, path, other string) error
		want  string
		needs bool // root
	}{
		{"a link", func(_ *testing.T, path, other string) error { return os.Symlink(other, path) }, "a link", false},
		{"a link that leads nowhere", func(_ *testing.T, path, other string) error { return os.Symlink(other+".none", path) }, "a link", false},
		{"a hard link", func(_ *testing.T, path, other string) error { return os.Link(other, path) }, "2 names", false},
		{"a named pipe", func(_ *testing.T, path, _ string) error { return syscall.Mkfifo(path, 0o600) }, "not a regular file", false},
		{"a directory", func(_ *testing.T, path, _ string) error { return os.Mkdir(path, 0o700) }, "not a regular file", false},
		{"a file of somebody else", func(_ *testing.T, path, _ string) error {
			return errors.Join(os.WriteFile(path, nil, 0o666), os.Chown(path, 65534, 65534))
		}, "belongs to user 65534", true},
		{"somebody's link to the null device", func(_ *testing.T, path, _ string) error {
			return errors.Join(os.Symlink("/dev/null", path), os.Lchown(path, 65534, 65534))
		}, "a link", true},
		{"a link to a link to a file", func(_ *testing.T, path, other string) error {
			return errors.Join(os.Symlink(path+".2", path), os.Symlink(other, path+".2"))
		}, "a link", false},
	} {
		t.Run(strings.ReplaceAll(c.name, " ", "_"), func(t *testing.T) {
			t.Parallel()
			if c.needs && os.Getuid() != 0 {
				t.Skip("only root gives files away")
			}
			path, other := filepath.Join(t.TempDir(), "log"), filepath.Join(t.TempDir(), "precious")
			if err := os.WriteFile(other, []byte("precious"), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := c.put(t, path, other); err != nil {
				t.Fatal(err)
			}
			_, opened := safefile.OpenAppend(path, 0o600)
			for what, err := range map[string]error{"OpenAppend": opened, "CheckAppend": safefile.CheckAppend(path)} {
				var failed *fs.PathError
				if !errors.As(err, &failed) || failed.Path != path || !strings.Contains(err.Error(), c.want) {
					t.Errorf("%s: %v", what, err)
				}
			}
			if text, err := os.ReadFile(other); err != nil || string(text) != "precious" {
				t.Errorf("the other file holds %q, %v", text, err)
			}
			if _, err := os.Lstat(other + ".none"); !os.IsNotExist(err) {
				t.Error("the file that the link leads to was created")
			}
		})
	}
}

// A new file has the mode; one that is there keeps its own and its content.
func TestOpenAppend(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	if err := safefile.CheckAppend(path); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(path); !os.IsNotExist(err) {
		t.Errorf("CheckAppend leaves a file: %v", err)
	}
	for _, want := range []fs.FileMode{0o600, 0o640} {
		file, err := safefile.OpenAppend(path, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := file.WriteString("line\n"); err != nil {
			t.Error(err)
		}
		if info, err := file.Stat(); err != nil || info.Mode() != want {
			t.Errorf("mode %v, %v, want %v", info.Mode(), err, want)
		}
		file.Close()
		if err := os.Chmod(path, 0o640); err != nil {
			t.Fatal(err)
		}
	}
	if text, err := os.ReadFile(path); err != nil || string(text) != "line\nline\n" {
		t.Errorf("the file holds %q, %v", text, err)
	}
	if err := safefile.CheckAppend(filepath.Join(path, "below")); err == nil {
		t.Error("a file below a file is said to be possible")
	}
	if err := safefile.CheckAppend(filepath.Join(filepath.Dir(path), "none", "log")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing directory: %v", err)
	}
}

// Under any umask, a new file can be opened again by its owner, and by nobody else.
func TestOpenAppendUnderAnyUmask(t *testing.T) {
	for _, mask := range []int{0o777, 0o277, 0o600, 0} {
		path := filepath.Join(t.TempDir(), "log")
		old := syscall.Umask(mask)
		file, err := safefile.OpenAppend(path, 0o600)
		syscall.Umask(old)
		if err != nil {
			t.Fatal(err)
		}
		if info, err := file.Stat(); err != nil || info.Mode() != 0o600 {
			t.Errorf("umask %04o: mode %v, %v, want 0600", mask, info.Mode(), err)
		}
		file.Close()
	}
}

// The kernel's files are what they are in a container: its log.
func TestOpenAppendToDevices(t *testing.T) {
	dir := t.TempDir()
	for link, target := range map[string]string{"null": "/dev/null", "stdout": "/dev/stdout", "twice": filepath.Join(dir, "null")} {
		if err := os.Symlink(target, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	for _, path := range []string{"/dev/null", "/dev/stdout", "/dev/stderr", "/proc/self/fd/2", "/dev/fd/1", dir + "/null", dir + "/stdout"} {
		file, err := safefile.OpenAppend(path, 0o600)
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		file.Close()
		if err := safefile.CheckAppend(path); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
}
