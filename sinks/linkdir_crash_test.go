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

// The names of the first generation and those of the second: one goes, one comes.
var (
	namesBefore = []string{"tls.crt", "tls.key", "certs/ca.crt", "old.crt"}
	namesAfter  = []string{"tls.crt", "tls.key", "certs/ca.crt", "new.crt"}
)

const (
	owedAfterReturn = 10    // what the payload of a rollback says
	another         = 65534 // a user and a group that are not the process's
)

func swapHelper(path, way string) error {
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
		_, err = d.Rollback(context.Background(), Generation{Name: g.Name, Payload: fmt.Appendf(nil, `{"owed":%d}`, owedAfterReturn)})
	case "recover":
		_, err = Recover(context.Background(), []string{path})
	default:
		err = errors.New("unknown way")
	}
	return err
}

// swapSituations are those in which a directory changes from the generation
// before to the one after.
var swapSituations = []situation{
	{name: "replacing", before: 1, after: 2, env: swapping + "publish", prepare: func(t *testing.T, d string) {
		for _, n := range []int{11, 12, 1} { // the first will be too old
			swapNumberless(t, d, n, namesBefore...)
		}
	}},
	{name: "first", before: 0, after: 2, env: swapping + "publish", states: true, prepare: func(*testing.T, string) {}},
	{name: "taking over", before: 1, after: 2, states: true, env: swapping + "publish", prepare: func(t *testing.T, d string) {
		must(t, os.Mkdir(d, 0o755))
		for _, name := range []string{"tls.crt", "tls.key"} {
			write(t, filepath.Join(d, name), string(contentOf(name, 1)), 0o600)
		}
	}},
	{name: "taking over a name", before: 1, after: 2, states: true, env: swapping + "publish", prepare: func(t *testing.T, d string) {
		swapNumberless(t, d, 1, namesBefore...)
		write(t, filepath.Join(d, "new.crt"), string(contentOf("new.crt", 1)), 0o600)
	}},
	{name: "rolling back", before: 2, after: 1, env: swapping + "rollback", prepare: func(t *testing.T, d string) {
		swapNumberless(t, d, 11, namesBefore...)
		swapNumberless(t, d, 1, namesBefore...)
		swapNumberless(t, d, 12, namesAfter...)
		rollBack(t, d)
		swapNumberless(t, d, 2, namesAfter...)
	}},
	{name: "recovering", before: 1, after: 1, states: true, env: swapping + "recover", prepare: func(t *testing.T, d string) {
		swapNumberless(t, d, 11, namesBefore...)
		swapNumberless(t, d, 1, namesBefore...)
		leftovers(t, d)
	}},
}

// leftovers makes what crashes leave at their worst, all at once.
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

// swapNumberless leaves it to the directory what number the generation gets.
func swapNumberless(t testing.TB, path string, n int, names ...string) {
	t.Helper()
	d, g := bundle(path, n, names...)
	g.Number = 0
	if _, err := d.Publish(t.Context(), g); err != nil {
		t.Fatal(err)
	}
}

// seen returns which generation a reader finds: one that opens "..data" and then
// the files in it, or where there is no such link, the files themselves. It is 0
// if there is nothing, and -1 unless it is one complete generation. Whoever goes
// by the stable names must not find anything else, nor a link that leads nowhere;
// and a name that both generations have must be there.
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

// inGeneration returns the generations of the files below a directory.
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

// numberOf returns -1 for what is none of the contents of a name.
func numberOf(name string, content []byte) int {
	n, err := strconv.Atoi(string(content[strings.LastIndexByte(string(content), ' ')+1:]))
	if err != nil || string(contentOf(name, n)) != string(content) {
		return -1
	}
	return n
}

// regained runs Recover and checks that what is seen is one generation with what
// is owed for it, and that nothing else is left. It returns which.
func regained(t *testing.T, s situation, root string) int {
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
		owed = fmt.Sprintf(`{"owed":%d}`, owedAfterReturn)
	case s.name == "taking over" && n == s.before:
		owed = "" // nobody knows
	}
	if got := string(records[0].Payload); got != owed {
		t.Errorf("generation %d is seen, but owed is %q, not %q", n, got, owed)
	}
	checkLeft(t, d, records[0])
	return n
}

// checkLeft checks that a directory holds what a record says and no more.
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

// TestSwapKilledAtEachCall: whatever call a process is killed before, readers find
// one complete generation at once, and the next process finds what is owed for it.
func TestSwapKilledAtEachCall(t *testing.T) {
	t.Parallel()
	each(t, swapSituations, func(t *testing.T, s situation, c call) {
		root := s.setUp(t)
		d := filepath.Join(root, "d")
		if code := s.disturb(t, root, c, "signal=SIGKILL"); code != -1 {
			t.Fatalf("was not killed: exit code %d", code)
		}
		if n := seen(t, s, d); n != s.before && n != s.after {
			t.Errorf("before Recover: generation %d", n)
		}
		if n := regained(t, s, root); n != s.before && n != s.after {
			t.Errorf("after Recover: generation %d", n)
		}
		swapNumberless(t, d, 2, namesAfter...)
		if n := seen(t, s, d); n != 2 {
			t.Errorf("publishing after the crash: generation %d", n)
		}
	})
}

// TestSwapFailureAtEachCall: whatever call fails, what was seen is still seen, and
// nothing else is left of the attempt; or it succeeded all the same. It has the
// calls of this process fail, alone: it is not parallel.
func TestSwapFailureAtEachCall(t *testing.T) {
	for _, s := range swapSituations {
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

// failAt reports whether all was well, and whether there was such a call.
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
	err := swapHelper(d, strings.TrimPrefix(s.env, swapping))
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
		if n := regained(t, s, root); n != s.before && n != s.after {
			t.Errorf("after Recover: generation %d", n)
		}
		if ok = !t.Failed(); !ok {
			t.Logf("error %v; it was this call:\n%s", err, stack)
		}
	})
	return ok, true
}

// TestSwapFailureIsReported: only the failures that change nothing go unreported.
func TestSwapFailureIsReported(t *testing.T) {
	t.Parallel()
	each(t, swapSituations[:1], func(t *testing.T, s situation, c call) {
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

// undoes reports whether a failure leaves the directory as it was.
func (s situation) undoes() bool { return s.name == "replacing" || s.name == "rolling back" }
