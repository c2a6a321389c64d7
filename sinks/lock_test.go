// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package sinks

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// What stands in the place of the lock file stops nothing, and is neither opened for
// writing, nor locked, nor changed.
func TestForeignLockFile(t *testing.T) {
	t.Parallel()
	for name, put := range map[string]func(t *testing.T, path string){
		"named pipe": func(t *testing.T, path string) { must(t, unix.Mkfifo(path, 0o600)) },
		"link":       func(t *testing.T, path string) { must(t, os.Symlink("secret", path)) },
		"hard link":  func(t *testing.T, path string) { must(t, os.Link(filepath.Join(filepath.Dir(path), "secret"), path)) },
		"directory":  func(t *testing.T, path string) { must(t, os.Mkdir(path, 0o755)) },
		"file of another user": func(t *testing.T, path string) {
			needRoot(t)
			must(t, os.WriteFile(path, nil, 0o600))
			must(t, os.Chown(path, another, another))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			must(t, os.WriteFile(filepath.Join(dir, "secret"), []byte("secret"), 0o600))
			put(t, filepath.Join(dir, lockName(os.Geteuid())))
			f := File{Path: filepath.Join(dir, "f"), Content: []byte("x"), UID: -1, GID: -1}

			c, err := claimFiles([]File{f})
			if c != nil {
				defer c.Close()
			}
			if err == nil || errors.Is(err, ErrClaimed) || !strings.Contains(err.Error(), lockName(os.Geteuid())) {
				t.Errorf("the claim says %v", err)
			}
			began := time.Now()
			publish(t, Generation{Name: "web", Number: 1, Files: []File{f}})
			if _, err := Recover(t.Context(), []string{dir}); err != nil {
				t.Error(err)
			}
			if took := time.Since(began); took > lockWait/2 {
				t.Errorf("it took %v", took)
			}
			if content := read(t, filepath.Join(dir, "secret")); content != "secret" {
				t.Errorf("the file holds %q", content)
			}
		})
	}
}

// A file of ours that bears the name of the lock file keeps its content.
func TestLockFileWithOtherContent(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, lockName(os.Geteuid()))
	must(t, os.WriteFile(path, []byte("process 1 1\nsecret\n"), 0o600))
	c, err := claimFiles([]File{{Path: filepath.Join(dir, "f")}})
	must(t, err)
	must(t, c.Close())
	if content := read(t, path); content != "process 1 1\nsecret\n" {
		t.Errorf("it holds %q", content)
	}
}

// The lock file has its mode whatever the umask, and names only processes that run.
func TestLockFileNamesProcesses(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, lockName(os.Geteuid()))
	must(t, os.WriteFile(path, []byte("process 1 1\n"), 0o000))
	must(t, os.Chmod(path, 0))
	if os.Geteuid() != 0 {
		must(t, os.Remove(path))
		defer unix.Umask(unix.Umask(0o777))
	}
	c, err := claimFiles([]File{{Path: filepath.Join(dir, "f")}})
	must(t, err)
	defer c.Close()
	own, _ := running(os.Getpid())
	if content, want := read(t, path), own.process.String()+"\n"; content != want || stat(t, path).Mode&0o777 != 0o600 {
		t.Errorf("mode %o, content %q, want %q", stat(t, path).Mode, content, want)
	}
	_, err = claimFiles([]File{{Path: filepath.Join(dir, "f")}})
	wantError(t, err, ErrClaimed, filepath.Join(dir, "f"), "stop the other process")
	if want := "another process publishes here: process "; !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), own.name) {
		t.Errorf("%v: it does not name %v", err, own)
	}

	// Of a process that cannot be seen, as in another container, no other is named.
	for _, d := range c.dirs {
		if err := claimedBy(d, "held by nobody"); !errors.Is(err, ErrClaimed) || !strings.Contains(err.Error(), "it may be in another container") {
			t.Error(err)
		}
	}
}

// Two paths to one file are not another process.
func TestClaimOfOneFileTwice(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	must(t, os.Mkdir(filepath.Join(dir, "d"), 0o755))
	must(t, os.Symlink("d", filepath.Join(dir, "link")))
	at := func(name string) []File { return []File{{Path: filepath.Join(dir, name)}} }

	_, err := claimFiles(append(at("d/f"), at("link/f")...))
	wantError(t, err, ErrTwice, filepath.Join(dir, "link/f"), "give each destination a path of its own")
	if errors.Is(err, ErrClaimed) {
		t.Errorf("%v: is taken for another process", err)
	}
	c := new(Claim)
	must(t, journal.Claim(c, at("d/f")))
	if err := journal.Claim(c, at("link/f")); !errors.Is(err, ErrTwice) {
		t.Errorf("in a second call: %v", err)
	}
	must(t, journal.Claim(c, at("link/g")))
	must(t, journal.Claim(c, at("d/f")))
	must(t, c.Close())
	c, err = claimFiles(at("link/f"))
	must(t, err)
	must(t, c.Close())
}

// Two users publish in one directory: Recover of one does not remove the temporary files
// that the other one is writing.
func TestRecoverLeavesTemporaryFilesOfAnotherPublisher(t *testing.T) {
	t.Parallel()
	needRoot(t)
	dir := t.TempDir()
	for _, c := range []struct {
		name      string
		uid       int
		publishes bool
		stays     bool
	}{
		{"ours", 0, true, false},
		{"given away", another, false, false},
		{"of another publisher", another, true, true},
	} {
		temp, lock := filepath.Join(dir, ".certagent-x-0.tmp"), filepath.Join(dir, lockName(c.uid))
		must(t, os.WriteFile(temp, nil, 0o600))
		must(t, os.Chown(temp, c.uid, c.uid))
		if c.publishes {
			must(t, os.WriteFile(lock, nil, 0o600))
		}
		_, err := Recover(t.Context(), []string{dir})
		must(t, err)
		if _, err := os.Lstat(temp); (err == nil) != c.stays {
			t.Errorf("%s: %v", c.name, err)
		}
		os.Remove(temp)
		os.Remove(lock)
	}
}

// A lease on a destination, which its owner may take, would hold up whoever opens it for
// 45 s. The file is replaced all the same.
func TestLeaseHoldsUpNothing(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "f")
	holder, err := os.Create(path)
	must(t, err)
	defer holder.Close()
	_, err = holder.WriteString("old")
	must(t, err)
	if _, err := unix.FcntlInt(holder.Fd(), unix.F_SETLEASE, unix.F_WRLCK); err != nil {
		t.Skip("no leases:", err)
	}
	_, err = unix.FcntlInt(holder.Fd(), unix.F_SETSIG, int(unix.SIGURG)) // which Go ignores
	must(t, err)
	began := time.Now()
	f := File{Path: path, Content: []byte("old"), Mode: 0o640, UID: -1, GID: -1}
	publish(t, Generation{Name: "web", Number: 1, Files: []File{f}})
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("it took %v", took)
	}
	if st := stat(t, path); st.Mode&0o777 != 0o640 || read(t, path) != "old" {
		t.Errorf("mode %o, content %q", st.Mode, read(t, path))
	}
}
