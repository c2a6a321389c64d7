// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package sinks

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"
)

// The names of the first and of the second generation. One is removed, one is new.
var (
	namesBefore = []string{"tls.crt", "tls.key", "certs/ca.crt", "old.crt"}
	namesAfter  = []string{"tls.crt", "tls.key", "certs/ca.crt", "new.crt"}
)

const (
	owedAfterRollback = 10    // in the payload of a rollback
	another           = 65534 // a user and a group that are not the process's
)

func linkDirHelper(path, way string) error {
	d, g := bundle(path, 2, namesAfter...)
	g.Number = 0
	var err error
	switch way {
	case "publish 0550":
		d.Mode = 0o550
		_, err = d.Publish(context.Background(), g)
	case "publish to another owner":
		for i := range g.Files {
			g.Files[i].UID, g.Files[i].GID = another, another
		}
		_, err = d.Publish(context.Background(), g)
	case "publish":
		_, err = d.Publish(context.Background(), g)
	case "rollback":
		_, err = d.Rollback(context.Background(), Generation{Name: g.Name, Payload: fmt.Appendf(nil, `{"owed":%d}`, owedAfterRollback)})
	case "recover":
		_, err = Recover(context.Background(), []string{path})
	default:
		err = errors.New("unknown way")
	}
	return err
}

// linkDirSituations are those in which a LinkDir changes from the generation before to
// the one after.
var linkDirSituations = []situation{
	{name: "replacing", before: 1, after: 2, env: inLinkDir + "publish", prepare: func(t *testing.T, d string) {
		for _, n := range []int{11, 12, 1} { // the first one is too old then
			publishUnnumbered(t, d, n, namesBefore...)
		}
	}},
	{name: "first", before: 0, after: 2, env: inLinkDir + "publish", states: true, prepare: func(*testing.T, string) {}},
	{name: "taking over", before: 1, after: 2, states: true, env: inLinkDir + "publish", prepare: func(t *testing.T, d string) {
		must(t, os.Mkdir(d, 0o755))
		for _, name := range []string{"tls.crt", "tls.key"} {
			write(t, filepath.Join(d, name), string(contentOf(name, 1)), 0o600)
		}
	}},
	{name: "taking over a name", before: 1, after: 2, states: true, env: inLinkDir + "publish", prepare: func(t *testing.T, d string) {
		publishUnnumbered(t, d, 1, namesBefore...)
		write(t, filepath.Join(d, "new.crt"), string(contentOf("new.crt", 1)), 0o600)
	}},
	{name: "rolling back", before: 2, after: 1, env: inLinkDir + "rollback", prepare: func(t *testing.T, d string) {
		publishUnnumbered(t, d, 11, namesBefore...)
		publishUnnumbered(t, d, 1, namesBefore...)
		publishUnnumbered(t, d, 12, namesAfter...)
		rollBack(t, d)
		publishUnnumbered(t, d, 2, namesAfter...)
	}},
	{name: "recovering", before: 1, after: 1, states: true, env: inLinkDir + "recover", prepare: func(t *testing.T, d string) {
		publishUnnumbered(t, d, 11, namesBefore...)
		publishUnnumbered(t, d, 1, namesBefore...)
		leftovers(t, d)
	}},
}

// leftovers creates all that crashes can leave.
func leftovers(t *testing.T, d string) {
	must(t, os.CopyFS(filepath.Join(d, "..gen-3"), os.DirFS(filepath.Join(d, "..gen-2"))))
	write(t, filepath.Join(d, "..gen-3.json"), "{", 0o600)
	write(t, filepath.Join(d, "..gen-4.json"), "", 0o600)
	must(t, os.Symlink("..gen-3", filepath.Join(d, dataTemp)))
	must(t, os.Remove(filepath.Join(d, "tls.crt")))
	must(t, os.Symlink(stableTarget("gone"), filepath.Join(d, "gone")))
	must(t, os.Remove(filepath.Join(d, "tls.key")))
	write(t, filepath.Join(d, "tls.key"), string(contentOf("tls.key", 1)), 0o600)
}

// publishUnnumbered publishes generation n; the LinkDir chooses its number.
func publishUnnumbered(t testing.TB, path string, n int, names ...string) {
	t.Helper()
	d, g := bundle(path, n, names...)
	g.Number = 0
	if _, err := d.Publish(t.Context(), g); err != nil {
		t.Fatal(err)
	}
}

// seen returns which generation a reader finds that opens "..data" and then the files in
// it or, if there is no such link, the files themselves. It is 0 if there are none, and
// -1 if they are not one complete generation. By the stable names a reader must not find
// another generation, nor a link that leads nowhere; and a name that both generations
// have must exist.
func seen(t *testing.T, s situation, d string) int {
	t.Helper()
	fd, err := unix.Open(filepath.Join(d, dataLink), unix.O_RDONLY|unix.O_DIRECTORY, 0)
	var found map[string]int
	if err == nil {
		found = inGeneration(t, fmt.Sprintf("/proc/self/fd/%d", fd))
		must(t, unix.Close(fd))
	} else {
		found = map[string]int{}
	}
	for _, name := range []string{"tls.crt", "tls.key", "certs/ca.crt", "old.crt", "new.crt", "gone"} {
		content, err := os.ReadFile(filepath.Join(d, name))
		if errors.Is(err, os.ErrNotExist) {
			if s.before != 0 && s.name != "recovering" && strings.HasPrefix(name, "tls.") {
				t.Errorf("%s is not there", name)
			}
			if target, err := os.Readlink(filepath.Join(d, stableName(name))); err == nil && name != "gone" {
				t.Errorf("%s leads nowhere: %s", name, target)
			}
			continue
		}
		must(t, err)
		n := numberOf(name, content)
		if is, ok := found[name]; ok && is != n {
			t.Errorf("%s is of generation %d by its name, and of generation %d through %s", name, n, is, dataLink)
		}
		found[name] = n
	}
	if len(found) == 0 {
		return 0
	}
	n := found["tls.key"]
	for name, is := range found {
		if is != n {
			t.Errorf("%s is of generation %d, the key of %d", name, is, n)
			n = -1
		}
	}
	if found["tls.crt"] == 0 || found["tls.key"] == 0 {
		t.Errorf("the set is not complete: %v", found)
		return -1
	}
	return n
}

// inGeneration returns the generation of each file in a directory.
func inGeneration(t *testing.T, dir string) map[string]int {
	t.Helper()
	found := map[string]int{}
	for _, name := range []string{"tls.crt", "tls.key", "certs/ca.crt", "old.crt", "new.crt"} {
		content, err := os.ReadFile(filepath.Join(dir, name))
		if err == nil {
			found[name] = numberOf(name, content)
		} else if !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
	}
	return found
}

// numberOf returns -1 if content is that of no generation.
func numberOf(name string, content []byte) int {
	n, err := strconv.Atoi(string(content[strings.LastIndexByte(string(content), ' ')+1:]))
	if err != nil || string(contentOf(name, n)) != string(content) {
		return -1
	}
	return n
}

// recoveredLinkDir runs Recover and checks that readers find one generation, with its
// payload, and that nothing else is left. It returns which one.
func recoveredLinkDir(t *testing.T, s situation, root string) int {
	t.Helper()
	d := filepath.Join(root, "d")
	before := seen(t, s, d)
	records, err := Recover(t.Context(), []string{root, d})
	if err != nil {
		t.Error(err)
	}
	n := seen(t, s, d)
	if n != before {
		t.Errorf("Recover changed what is seen from generation %d to %d", before, n)
	}
	for _, path := range []string{root, d} {
		if left, _ := filepath.Glob(filepath.Join(path, prefix+"*"+tempSuffix)); s.before != 0 && left != nil {
			t.Errorf("Recover left %v", left)
		}
	}
	if _, err := os.Lstat(filepath.Join(d, dataLink)); err != nil {
		if len(records) != 0 {
			t.Errorf("nothing is published, but there are the records %+v", records)
		}
		if left, _ := filepath.Glob(filepath.Join(d, "..*")); left != nil {
			t.Errorf("Recover left %v", left)
		}
		return n
	}
	if len(records) != 1 || !records[0].Intact {
		t.Errorf("generation %d with the records %+v", n, records)
		return n
	}
	owed := fmt.Sprintf(`{"owed":%d}`, n)
	switch {
	case strings.HasSuffix(s.env, "rollback") && n == s.after:
		owed = fmt.Sprintf(`{"owed":%d}`, owedAfterRollback)
	case s.name == "taking over" && n == s.before:
		owed = "" // unknown
	}
	if got := string(records[0].Payload); got != owed {
		t.Errorf("generation %d is seen, but owed is %q, not %q", n, got, owed)
	}
	checkLeft(t, d, records[0])
	return n
}

// checkLeft checks that a directory has exactly what is recorded.
func checkLeft(t *testing.T, d string, r Record) {
	t.Helper()
	want := []string{dataLink + " -> " + generationName(r.Generation)}
	for _, n := range append([]uint64{r.Generation}, r.Previous...) {
		want = append(want, generationName(n), generationRecordName(n))
	}
	for _, name := range stableNames(r.names()) {
		want = append(want, name+" -> "+stableTarget(name))
	}
	slices.Sort(want)
	got := slices.DeleteFunc(listing(t, d), func(name string) bool {
		return strings.HasPrefix(name, rejectedPrefix) || name == "new.crt" && r.Generation == 1
	})
	if !slices.Equal(got, want) {
		t.Errorf("%s holds\n     %s\nwant %s", d, strings.Join(got, "\n     "), strings.Join(want, "\n     "))
	}
	if rejected, _ := filepath.Glob(filepath.Join(d, rejectedPrefix+"*")); len(rejected) > 1 {
		t.Errorf("more than one was kept: %v", rejected)
	}
	if r.Rejected != 0 {
		_, err := os.Lstat(filepath.Join(d, rejectedName(r.Rejected)))
		must(t, err)
	}
}

// TestLinkDirKilledAtEachCall: if a process is killed before any call, readers find one
// complete generation at once, and the next process finds its payload.
func TestLinkDirKilledAtEachCall(t *testing.T) {
	t.Parallel()
	each(t, linkDirSituations, func(t *testing.T, s situation, c call) {
		root := s.setUp(t)
		d := filepath.Join(root, "d")
		if code := s.disturb(t, root, c, "signal=SIGKILL"); code != -1 {
			t.Fatalf("was not killed: exit code %d", code)
		}
		if n := seen(t, s, d); n != s.before && n != s.after {
			t.Errorf("before Recover: generation %d", n)
		}
		if n := recoveredLinkDir(t, s, root); n != s.before && n != s.after {
			t.Errorf("after Recover: generation %d", n)
		}
		publishUnnumbered(t, d, 2, namesAfter...)
		if n := seen(t, s, d); n != 2 {
			t.Errorf("publishing after the crash: generation %d", n)
		}
	})
}

// TestLinkDirFailureAtEachCall: if any call fails, readers find the old generation, and
// nothing else is left; or the attempt succeeds nevertheless. It is not parallel,
// because it makes calls of this process fail.
func TestLinkDirFailureAtEachCall(t *testing.T) {
	for _, s := range linkDirSituations {
		t.Run(s.name, func(t *testing.T) {
			runs, bad := 0, 0
			for _, errno := range []unix.Errno{unix.ENOSPC, unix.EIO, unix.EACCES, unix.EROFS, unix.EDQUOT} {
				for nth := int64(1); ; nth++ {
					ok, more := s.failAt(t, nth, errno)
					if !more {
						break
					}
					runs++
					if !ok {
						bad++
					}
				}
			}
			t.Logf("runs=%d bad=%d", runs, bad)
		})
	}
}

// failAt reports whether the test passed, and whether there was an nth call.
func (s situation) failAt(t *testing.T, nth int64, errno unix.Errno) (ok, more bool) {
	root := s.setUp(t)
	defer os.RemoveAll(root)
	d := filepath.Join(root, "d")
	before := names(d)
	var calls atomic.Int64
	var stack []byte
	doSyscall = func(call func() error) error {
		if calls.Add(1) == nth {
			stack = debug.Stack()
			return errno
		}
		return call()
	}
	err := linkDirHelper(d, strings.TrimPrefix(s.env, inLinkDir))
	doSyscall = func(call func() error) error { return call() }
	if calls.Load() < nth {
		must(t, err)
		return true, false
	}
	t.Run(fmt.Sprintf("%v %d", errno, nth), func(t *testing.T) {
		switch n := seen(t, s, d); {
		case err == nil && n != s.after:
			t.Errorf("no error, but generation %d", n)
		case err != nil && n != s.before:
			t.Errorf("%v, but generation %d", err, n)
		}
		if after := names(d); err != nil && s.undoes() && !slices.Equal(after, before) {
			t.Errorf("%v; left %v, not %v", err, after, before)
		}
		if n := recoveredLinkDir(t, s, root); n != s.before && n != s.after {
			t.Errorf("after Recover: generation %d", n)
		}
		if ok = !t.Failed(); !ok {
			t.Logf("error %v; it was this call:\n%s", err, stack)
		}
	})
	return ok, true
}

// TestLinkDirFailureIsReported: only harmless failures are not reported.
func TestLinkDirFailureIsReported(t *testing.T) {
	t.Parallel()
	each(t, linkDirSituations[:1], func(t *testing.T, s situation, c call) {
		root := s.setUp(t)
		d := filepath.Join(root, "d")
		code := s.disturb(t, root, c, "error=EIO")
		switch n := seen(t, s, d); {
		case code == 0 && n != s.after:
			t.Errorf("no error, but generation %d", n)
		case code == 0 && !c.last && !c.harmless():
			t.Error("no error")
		case code == 3 && n != s.before:
			t.Errorf("an error, but generation %d", n)
		}
	})
}

func names(dir string) (names []string) {
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// undoes reports whether a failure leaves the directory unchanged.
func (s situation) undoes() bool { return s.name == "replacing" || s.name == "rolling back" }
