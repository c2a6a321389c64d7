// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package sinks

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func claimFiles(files []File) (*Claim, error) { return claim(journal, files) }

func claim(p Publisher, files []File) (*Claim, error) {
	c := new(Claim)
	return c, p.Claim(c, files)
}

// TestClaim: a second claim in the same process is refused like one in another process.
func TestClaim(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := func(names ...string) (files []File) {
		for _, name := range names {
			files = append(files, File{Path: filepath.Join(dir, name), CreateDirs: true})
		}
		return files
	}
	first, err := claimFiles(file("a", "b", "sub/a"))
	must(t, err)
	for _, name := range []string{"a", "b", "sub/a", "sub/../a"} {
		_, err := claimFiles(file("c", name))
		wantError(t, err, ErrClaimed, filepath.Join(dir, name), "stop the other process")
	}
	second, err := claimFiles(file("c", "sub/b")) // the failed claims hold neither
	must(t, err)
	must(t, second.Close())
	must(t, first.Close())
	third, err := claimFiles(file("a", "b", "c"))
	must(t, err)
	must(t, third.Close())
}

// TestClaimMore: a Claim does not conflict with itself, and a failed call changes nothing.
func TestClaimMore(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := func(name string) File { return File{Path: filepath.Join(dir, name)} }
	other, err := claimFiles([]File{file("other")})
	must(t, err)
	defer other.Close()
	d, g := bundle(filepath.Join(dir, "tls"), 1)
	_, more := bundle(d.Path, 1, "tls.crt", "new.crt")

	c := new(Claim)
	defer c.Close()
	must(t, journal.Claim(c, []File{file("a")}))
	must(t, journal.Claim(c, []File{file("a"), file("b")}))
	must(t, d.Claim(c, g.Files))
	must(t, d.Claim(c, more.Files))
	wantError(t, journal.Claim(c, []File{file("c"), file("other")}), ErrClaimed, filepath.Join(dir, "other"), "stop the other process")
	for name, held := range map[string]bool{"a": true, "b": true, "tls/tls.crt": true, "tls/new.crt": true, "c": false} {
		again, err := claimFiles([]File{file(name)})
		if errors.Is(err, ErrClaimed) != held {
			t.Errorf("%s: error %v, but held is %t", name, err, held)
		}
		must(t, again.Close())
	}
}

func TestClaimOfNothing(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "missing")
	c, err := claimFiles([]File{{Path: filepath.Join(dir, "f")}})
	must(t, err)
	must(t, c.Close())
	if _, err := os.Lstat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the directory was made: %v", err)
	}
}

// TestClaimSurvivesRecover: Recover does not remove the lock file.
func TestClaimSurvivesRecover(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	files := []File{{Path: filepath.Join(dir, "f")}}
	c, err := claimFiles(files)
	must(t, err)
	defer c.Close()
	if records, err := Recover(t.Context(), []string{dir}); err != nil || records != nil {
		t.Errorf("%v, %v", records, err)
	}
	if _, err := claimFiles(files); !errors.Is(err, ErrClaimed) {
		t.Errorf("error %v", err)
	}
}

// TestClaimOfAProcessThatIsBeingStarted: what an agent that has ended was about to start
// holds its claim until the program is executed. The next agent waits for that.
func TestClaimOfAProcessThatIsBeingStarted(t *testing.T) {
	t.Parallel()
	f := File{Path: filepath.Join(t.TempDir(), "f")}
	first, err := claimFiles([]File{f})
	must(t, err)
	lock := int(first.dirs[filepath.Dir(f.Path)].file)
	inherited, err := unix.FcntlInt(uintptr(lock), unix.F_DUPFD_CLOEXEC, 0) // as by fork
	must(t, err)
	must(t, first.Close())
	ended := time.AfterFunc(handingOver/10, func() { unix.Close(inherited) })
	t.Cleanup(func() { ended.Stop() })
	second, err := claimFiles([]File{f})
	must(t, err)
	must(t, second.Close())
}
