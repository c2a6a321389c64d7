// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package safefile

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const limit = 1 << 10

// What stands at a path is refused at once if it is not a regular file of a
// reasonable size, also behind a link.
func TestReadRefuses(t *testing.T) {
	t.Chdir(t.TempDir())
	make := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	make(unix.Mkfifo("fifo", 0o666))
	make(os.Mkdir("dir", 0o755))
	make(os.WriteFile("sparse", nil, 0o644))
	make(os.Truncate("sparse", 60<<30))
	make(os.WriteFile("long", []byte(strings.Repeat("x", limit+1)), 0o644))
	listener, err := net.Listen("unix", "socket")
	make(err)
	defer listener.Close()
	make(os.Symlink("loop", "loop"))

	for _, c := range []struct {
		path, want string
		is         error
	}{
		{"fifo", "read fifo: is a named pipe, not a regular file", ErrNotRegular},
		{"dir", "read dir: is a directory, not a regular file", unix.EISDIR},
		{"socket", "read socket: is a socket, not a regular file", ErrNotRegular},
		{"/dev/zero", "read /dev/zero: is a device, not a regular file", ErrNotRegular},
		{"/dev/full", "read /dev/full: is a device, not a regular file", ErrNotRegular},
		{"sparse", "read sparse: too large: the limit is 1 KiB", ErrTooLarge},
		{"long", "read long: too large: the limit is 1 KiB", ErrTooLarge},
		{"none", "open none: no such file or directory", fs.ErrNotExist},
		{"none/below", "open none/below: no such file or directory", fs.ErrNotExist},
		{"long/below", "open long/below: not a directory", unix.ENOTDIR},
		{"loop", "open loop: too many levels of symbolic links", unix.ELOOP},
		{"", "open : no such file or directory", fs.ErrNotExist},
	} {
		for _, link := range []bool{false, true} {
			path, want := c.path, c.want
			if link {
				path = "link-to-" + filepath.Base(c.path)
				if os.Symlink(c.path, path) != nil {
					continue
				}
				want = strings.Replace(want, c.path, path, 1)
			}
			for name, read := range map[string]func(string, int64) ([]byte, error){"Read": Read, "ReadInput": ReadInput} {
				content, err := read(path, limit)
				var named *fs.PathError
				if content != nil || !errors.Is(err, c.is) || err.Error() != want || !errors.As(err, &named) {
					t.Errorf("%s(%q): %q, %v, want %q", name, path, content, err, want)
				}
			}
		}
	}
}

func TestReadReturnsContent(t *testing.T) {
	dir := t.TempDir()
	for _, content := range []string{"", "x", strings.Repeat("x", 300), strings.Repeat("y", limit)} {
		path := filepath.Join(dir, "file")
		if err := os.WriteFile(path, []byte(content), 0o640); err != nil {
			t.Fatal(err)
		}
		is, info, err := ReadInfo(path, limit)
		if err != nil || string(is) != content || info.Mode() != 0o640 {
			t.Errorf("%d bytes: %q, %v", len(content), is, err)
		}
		if uid, gid := Owner(info); uid != os.Geteuid() || gid != os.Getegid() {
			t.Errorf("owner %d:%d", uid, gid)
		}
		if is, _, err := Head(path, 2); err != nil || string(is) != content[:min(2, len(content))] {
			t.Errorf("Head of %d bytes: %q, %v", len(content), is, err)
		}
	}
	// Below /proc every file has the size zero.
	if is, err := Read("/proc/self/status", MaxProc); err != nil || !strings.HasPrefix(string(is), "Name:") {
		t.Errorf("/proc/self/status: %q, %v", is, err)
	}
	if _, err := Read("/proc/self/status", 10); !errors.Is(err, ErrTooLarge) {
		t.Errorf("/proc/self/status, 10 bytes: %v", err)
	}
}

// A file that another program writes meanwhile ends at the limit, and is not waited
// for.
func TestFileThatGrowsOrShrinks(t *testing.T) {
	for _, size := range []int64{0, limit} { // what stat told
		r := &endless{}
		if content, err := readAll(r, size, limit); err != nil || len(content) != limit+1 {
			t.Errorf("grows: %d bytes, %v", len(content), err)
		}
	}
	if content, err := readAll(strings.NewReader("short"), limit, limit); err != nil || string(content) != "short" {
		t.Errorf("shrinks: %q, %v", content, err)
	}
}

type endless struct{}

func (*endless) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// An exclusive lease would hold up open(2) for 45 s.
func TestReadOfLeasedFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	holder, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer holder.Close()
	if _, err := unix.FcntlInt(holder.Fd(), unix.F_SETLEASE, unix.F_WRLCK); err != nil {
		t.Skip("no leases:", err)
	}
	defer unix.FcntlInt(holder.Fd(), unix.F_SETLEASE, unix.F_UNLCK)
	unix.FcntlInt(holder.Fd(), unix.F_SETSIG, int(unix.SIGURG)) // instead of SIGIO, which nobody catches
	began := time.Now()
	if _, err := Read(path, limit); !errors.Is(err, errLeased) || time.Since(began) > patience/2 {
		t.Errorf("after %v: %v", time.Since(began), err)
	}
}

// A read that nothing answers is given up, and no second one joins it.
func TestNoAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		answer := make(chan struct{})
		hang := func() ([]byte, fs.FileInfo, error) { <-answer; return nil, nil, nil }
		began := time.Now()
		_, _, err := bounded("/net/file", patience, hang)
		if !errors.Is(err, ErrNoAnswer) || time.Since(began) != patience {
			t.Errorf("after %v: %v", time.Since(began), err)
		}
		want := "read /net/file: the file system does not answer: an earlier read has not ended"
		if _, err := Read("/net/file", limit); err == nil || err.Error() != want || time.Since(began) != patience {
			t.Errorf("second read, after %v: %v", time.Since(began), err)
		}
		close(answer)
		synctest.Wait()
		if _, err := Read("/net/file", limit); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("after the answer: %v", err)
		}
	})
}

// A real file system without an answer: FUSE, whose server reads no request.
func TestFileSystemWithoutAnswer(t *testing.T) {
	server, err := unix.Open("/dev/fuse", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Skip("no FUSE:", err)
	}
	dir := t.TempDir()
	if err := unix.Mount("none", dir, "fuse", 0, "rootmode=40000,user_id=0,group_id=0,fd="+strconv.Itoa(server)); err != nil {
		unix.Close(server)
		t.Skip("cannot mount:", err)
	}
	defer unix.Unmount(dir, unix.MNT_DETACH)
	path := filepath.Join(dir, "file")
	_, _, err = bounded(path, 200*time.Millisecond, func() ([]byte, fs.FileInfo, error) { return read(path, limit) })
	if !errors.Is(err, ErrNoAnswer) {
		t.Error(err)
	}
	unix.Close(server) // ends the system call
}

func TestReadInput(t *testing.T) {
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer read.Close()
	write.WriteString("text")
	write.Close()
	for _, dir := range []string{"/dev/fd/", "/proc/self/fd/"} {
		path := dir + strconv.Itoa(int(read.Fd()))
		content, err := ReadInput(path, limit)
		switch dir {
		case "/dev/fd/":
			if string(content) != "text" || err != nil {
				t.Errorf("%s: %q, %v", path, content, err)
			}
		default:
			if !errors.Is(err, errAtEnd) {
				t.Errorf("%s: %q, %v", path, content, err)
			}
		}
		if _, err := Read(path, limit); !errors.Is(err, ErrNotRegular) {
			t.Errorf("Read(%s): %v", path, err)
		}
	}

	// A redirected file can be read again.
	file, err := os.Create(filepath.Join(t.TempDir(), "file"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	file.WriteString("text")
	for range 2 {
		if content, err := ReadInput("/dev/fd/"+strconv.Itoa(int(file.Fd())), limit); string(content) != "text" || err != nil {
			t.Errorf("%q, %v", content, err)
		}
	}
	if _, err := ReadInput("/dev/fd/99999", limit); !errors.Is(err, unix.EBADF) {
		t.Error(err)
	}
}

// An endless input has a limit too.
func TestInputIsBounded(t *testing.T) {
	zero, err := os.Open("/dev/zero")
	if err != nil {
		t.Fatal(err)
	}
	defer zero.Close()
	if _, err := ReadInput("/dev/fd/"+strconv.Itoa(int(zero.Fd())), limit); !errors.Is(err, ErrTooLarge) {
		t.Error(err)
	}
}
