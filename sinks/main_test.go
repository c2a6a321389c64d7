// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package sinks

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"github.com/certagent/certagent/redact"
)

// publishIn is the variable that turns the test binary into a process that
// publishes the second generation below a directory.
const (
	publishIn  = "SINKS_TEST_PUBLISH_IN"
	noExchange = "SINKS_TEST_NO_EXCHANGE=1" // as on a file system that cannot exchange names
	keepOwner  = "SINKS_TEST_OWNER=-1"
	rootOwner  = "SINKS_TEST_OWNER=0"
	toAnother  = "SINKS_TEST_OWNER=65534"
	recovering = "SINKS_TEST_RECOVER=1" // instead of publishing
	inLinkDir  = "SINKS_TEST_LINK_DIR=" // a LinkDir: "publish", "rollback" or "recover"
)

var journal Journal

func TestMain(m *testing.M) {
	if root := os.Getenv(publishIn); root != "" {
		runtime.LockOSThread() // strace counts system calls by thread
		if err := helper(root); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(3)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

func helper(root string) error {
	if umask, err := strconv.ParseUint(os.Getenv("SINKS_TEST_UMASK"), 8, 32); err == nil {
		unix.Umask(int(umask))
	}
	if way := os.Getenv("SINKS_TEST_LINK_DIR"); way != "" {
		return linkDirHelper(filepath.Join(root, "d"), way)
	}
	if os.Getenv("SINKS_TEST_RECOVER") != "" {
		_, err := Recover(context.Background(), []string{filepath.Join(root, "a"), filepath.Join(root, "b")})
		return err
	}
	if os.Getenv("SINKS_TEST_NO_EXCHANGE") != "" {
		renameat2 = func(int, string, int, string, uint) error { return unix.EINVAL }
	}
	g := generation(root, 2)
	if owner, err := strconv.Atoi(os.Getenv("SINKS_TEST_OWNER")); err == nil {
		for i := range g.Files {
			g.Files[i].UID, g.Files[i].GID = owner, owner
		}
	}
	_, err := journal.Publish(context.Background(), g)
	return err
}

// generation returns what the crash tests publish below root: files in two directories,
// the record in the first, the key not first, and one file that never changes.
func generation(root string, n int) Generation {
	file := func(dir, name string, key bool) File {
		return File{
			Path:       filepath.Join(root, dir, name),
			Content:    redact.Bytes(fmt.Sprintf("%s of generation %d\n", name, n)),
			Mode:       0o640,
			UID:        os.Getuid(),
			GID:        os.Getgid(),
			CreateDirs: true,
			Key:        key,
		}
	}
	fixed := file("a", "fixed", false)
	fixed.Content = redact.Bytes("never changes")
	return Generation{
		Name:    "web",
		Number:  uint64(n),
		Files:   []File{file("a", "cert", false), file("b", "ca", false), file("a", "key", true), fixed},
		Payload: json.RawMessage(fmt.Sprintf(`{"owed":%d}`, n)),
	}
}

// memory returns a directory in memory, if possible: a test without a power failure does
// not need a disk.
func memory(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "sinks")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { must(t, os.RemoveAll(dir)) })
	return dir
}

func publish(t testing.TB, g Generation) Record {
	t.Helper()
	r, err := journal.Publish(t.Context(), g)
	if err != nil {
		t.Fatal(err)
	}
	if r.CleanupErr != nil {
		t.Fatal(r.CleanupErr)
	}
	return r
}

// onDisk returns the generation of the files below root: 0 if there are none, -1 if they
// do not belong to one generation.
func onDisk(t testing.TB, root string) int {
	t.Helper()
	n := -1
	for _, f := range generation(root, 1).Files[:3] {
		is := 0
		content, err := os.ReadFile(f.Path)
		if err == nil {
			is = -1
			for candidate := range 3 {
				if bytes.Equal(content, generationFile(root, candidate, f.Path)) {
					is = candidate
				}
			}
		} else if !os.IsNotExist(err) {
			t.Fatal(err)
		}
		if n >= 0 && is != n || is < 0 {
			return -1
		}
		n = is
	}
	return n
}

func generationFile(root string, n int, path string) []byte {
	for _, f := range generation(root, n).Files {
		if f.Path == path {
			return f.Content
		}
	}
	return nil
}

// temps returns the temporary files below root.
func temps(t testing.TB, root string) (found []string) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, _ os.DirEntry, err error) error {
		if strings.HasPrefix(filepath.Base(path), prefix) && strings.HasSuffix(path, tempSuffix) {
			found = append(found, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func write(t testing.TB, path, content string, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

func read(t testing.TB, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// stat does not follow symbolic links.
func stat(t testing.TB, path string) *syscall.Stat_t {
	t.Helper()
	info, err := os.Lstat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Sys().(*syscall.Stat_t)
}

func needRoot(t testing.TB) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("needs root")
	}
}
