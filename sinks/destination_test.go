// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package sinks

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/certagent/certagent/redact"
)

// TestRefusedDestinations: if a destination cannot or must not be replaced, nothing
// changes and nothing is left behind, not even for the other files.
func TestRefusedDestinations(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		make func(t *testing.T, path string)
		want error
		hint string
	}{
		"directory":  {func(t *testing.T, path string) { must(t, os.Mkdir(path, 0o755)) }, unix.EISDIR, "must name a file"},
		"named pipe": {func(t *testing.T, path string) { must(t, unix.Mkfifo(path, 0o600)) }, ErrNotRegular, ""},
		"device": {func(t *testing.T, path string) {
			needRoot(t)
			must(t, unix.Mknod(path, unix.S_IFCHR|0o666, int(unix.Mkdev(1, 3))))
		}, ErrNotRegular, ""},
		"mounted file": {func(t *testing.T, path string) {
			write(t, path, "old", 0o600)
			mount(t, path, path, "", unix.MS_BIND, "")
		}, unix.EBUSY, "mount the directory that holds it"},
		"immutable file": {func(t *testing.T, path string) {
			write(t, path, "old", 0o600)
			setFlag(t, path, unix.STATX_ATTR_IMMUTABLE) // FS_IMMUTABLE_FL has the same value
		}, unix.EPERM, "immutable"},
		"read-only file system": {func(t *testing.T, path string) {
			mount(t, "tmpfs", filepath.Dir(path), "tmpfs", unix.MS_RDONLY, "")
		}, unix.EROFS, "mounted read-only"},
		"full file system": {func(t *testing.T, path string) {
			mount(t, "tmpfs", filepath.Dir(path), "tmpfs", 0, "size=4k")
		}, unix.ENOSPC, "free some space"},
		"parent that is a file": {func(t *testing.T, path string) {
			must(t, os.Remove(filepath.Dir(path)))
			write(t, filepath.Dir(path), "", 0o600)
		}, unix.ENOTDIR, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			root := t.TempDir()
			path := filepath.Join(root, "d", "f")
			must(t, os.Mkdir(filepath.Dir(path), 0o755))
			test.make(t, path)
			other := File{Path: filepath.Join(root, "other"), Content: redact.Bytes("new"), UID: -1, GID: -1}
			f := File{Path: path, Content: redact.Bytes(strings.Repeat("x", 9000)), UID: -1, GID: -1, CreateDirs: true}

			_, err := journal.Publish(t.Context(), Generation{Name: "web", Files: []File{other, f}})
			wantError(t, err, test.want, filepath.Dir(path), test.hint)
			if left := listing(t, root); len(left) != 1 {
				t.Errorf("left %v", left)
			}
			if left := temps(t, root); left != nil {
				t.Errorf("left %v", left)
			}
		})
	}
}

// TestSymbolicLink: as Vault Agent does, the link is replaced, and the mode of
// what it points to is kept.
func TestSymbolicLink(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path, pointee := filepath.Join(dir, "f"), filepath.Join(dir, "pointee")
	f := File{Path: path, Content: redact.Bytes("new"), UID: -1, GID: -1}

	must(t, os.Symlink(pointee, path))
	publish(t, one(f))
	if st := stat(t, path); st.Mode != unix.S_IFREG|0o644 {
		t.Errorf("a link to nowhere became %o", st.Mode)
	}

	write(t, pointee, "new", 0o640)
	must(t, os.Remove(path))
	must(t, os.Symlink(pointee, path))
	publish(t, one(f))
	if st := stat(t, path); st.Mode != unix.S_IFREG|0o640 {
		t.Errorf("a link became %o", st.Mode)
	}
	if got := read(t, pointee); got != "new" || temps(t, dir) != nil {
		t.Errorf("what it pointed to is %q; left %v", got, temps(t, dir))
	}
}

// TestHardLink: the other name keeps the old content.
func TestHardLink(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "f")
	write(t, path, "old", 0o640)
	must(t, os.Link(path, path+".other"))
	publish(t, one(File{Path: path, Content: redact.Bytes("new"), UID: -1, GID: -1}))
	if read(t, path) != "new" || read(t, path+".other") != "old" {
		t.Error("the other name was changed, or the destination was not")
	}
}

func TestOtherFileSystem(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	must(t, os.Mkdir(filepath.Join(root, "b"), 0o755))
	mount(t, "tmpfs", filepath.Join(root, "b"), "tmpfs", 0, "size=64k")
	for n := range 2 {
		publish(t, generation(root, n+1))
		if got := onDisk(t, root); got != n+1 {
			t.Errorf("generation %d, want %d", got, n+1)
		}
	}
}

// TestWithoutExchange: on a file system that cannot exchange names.
func TestWithoutExchange(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	publish(t, generation(root, 1))
	if out, err := asProcess(root, 0, noExchange).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if n := recovered(t, root); n != 2 {
		t.Errorf("generation %d", n)
	}
}

// TestUnprivileged: what an unprivileged agent cannot do is an error before anything is
// published, except that it cannot keep the old owner.
func TestUnprivileged(t *testing.T) {
	t.Parallel()
	needRoot(t)
	const nobody = 65534
	for name, test := range map[string]struct {
		prepare func(root string)
		want    []string // in the error; none if there is to be none
	}{
		"keeps no foreign owner": {func(root string) {}, nil},
		"unwritable directory": {func(root string) {
			must(t, os.Chown(filepath.Join(root, "b"), 0, 0))
		}, []string{"/b/ca", "creating a temporary file beside it: permission denied"}},
		"unreadable destination": {func(root string) {
			must(t, os.Chmod(filepath.Join(root, "b", "ca"), 0o600))
		}, []string{"/b/ca", "reading the existing file: permission denied"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			root := t.TempDir()
			g := generation(root, 1)
			publish(t, g)
			for _, dir := range []string{".", "a", "b"} {
				must(t, os.Chown(filepath.Join(root, dir), nobody, nobody))
			}
			for _, f := range g.Files {
				must(t, os.Chmod(f.Path, 0o644))
			}
			must(t, os.Chmod(filepath.Dir(root), 0o755))
			test.prepare(root)
			out, err := asProcess(root, nobody, keepOwner).CombinedOutput()
			if (err != nil) != (test.want != nil) {
				t.Errorf("%v: %s", err, out)
			}
			for _, want := range test.want {
				if !bytes.Contains(out, []byte(want)) {
					t.Errorf("no %q in %q", want, out)
				}
			}
			if n, want := onDisk(t, root), map[bool]int{true: 2, false: 1}[test.want == nil]; n != want || temps(t, root) != nil {
				t.Errorf("generation %d, want %d; left %v", n, want, temps(t, root))
			}
		})
	}
	t.Run("foreign owner asked for", func(t *testing.T) {
		t.Parallel()
		root := t.TempDir()
		must(t, os.Chown(root, nobody, nobody))
		must(t, os.Chmod(filepath.Dir(root), 0o755))
		out, err := asProcess(root, nobody, rootOwner).CombinedOutput()
		if err == nil || !bytes.Contains(out, []byte("setting the owner: operation not permitted (certagent runs as uid 65534 and may not give files to user root and group root)")) {
			t.Errorf("%v: %s", err, out)
		}
		if n := onDisk(t, root); n != 0 || temps(t, root) != nil {
			t.Errorf("generation %d; left %v", n, temps(t, root))
		}
	})
}

// asProcess returns a command that publishes the second generation below root.
func asProcess(root string, uid uint32, env string) *exec.Cmd {
	cmd := exec.Command("/proc/self/exe") // which another user may execute
	cmd.Env = append(os.Environ(), publishIn+"="+root, env)
	if uid != 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
	}
	return cmd
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// mount mounts a file system until the test ends or unmount is called.
func mount(t *testing.T, source, target, fstype string, flags uintptr, data string) (unmount func()) {
	t.Helper()
	needRoot(t)
	if err := unix.Mount(source, target, fstype, flags, data); errors.Is(err, unix.EPERM) {
		t.Skip("may not mount")
	} else if err != nil {
		t.Fatal(err)
	}
	unmount = sync.OnceFunc(func() { must(t, unix.Unmount(target, unix.MNT_DETACH)) })
	t.Cleanup(unmount)
	return unmount
}

func setFlag(t *testing.T, path string, flag int) {
	t.Helper()
	needRoot(t)
	f, err := os.Open(path)
	must(t, err)
	set := func(flag int) error { return unix.IoctlSetPointerInt(int(f.Fd()), unix.FS_IOC_SETFLAGS, flag) }
	if err := set(flag); err != nil {
		f.Close()
		t.Skipf("the file system has no such flag: %v", err)
	}
	t.Cleanup(func() {
		must(t, set(0))
		must(t, f.Close())
	})
}
