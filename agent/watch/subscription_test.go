// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package watch

import "testing"

func TestNothingIsMissedBeforeRun(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	w := byEvents.watcher()
	changed := w.Subscribe([]string{plain(t, dir)})
	replace(t, dir+"/f", "new")
	late := w.Subscribe([]string{dir + "/f"})
	start(t, w)
	expectSignal(t, changed)
	newSentinel(t, w).pass(t)
	expectNone(t, late) // it came after the change
}

func TestSetReportsNewPaths(t *testing.T) {
	t.Parallel()
	w := byEvents.watcher()
	sub := w.Subscribe([]string{"/a"})
	tests := []struct {
		paths []string
		want  bool
	}{
		{[]string{"/a"}, false},
		{[]string{"/a", "/b"}, true},
		{[]string{"/b", "/a", "/a"}, false},
		{[]string{"/b"}, false},
		{[]string{"/a"}, true},
		{nil, false},
	}
	for _, tt := range tests {
		if got := sub.Set(tt.paths); got != tt.want {
			t.Errorf("Set(%q) returned %t, want %t", tt.paths, got, tt.want)
		}
	}
	sub.Close()
	if sub.Set([]string{"/c"}) {
		t.Error("Set after Close reported a new path")
	}
}

func TestSetKeepsWhatWasNotYetTold(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	w := byEvents.watcher()
	sub := w.Subscribe([]string{plain(t, dir)})
	replace(t, dir+"/f", "new")
	sub.Set([]string{dir + "/f", dir + "/g"})
	start(t, w)
	expectSignal(t, sub)
}

func TestSetChangesWhatIsWatched(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir+"/g", "old")
	w := byEvents.watcher()
	start(t, w)
	sub := w.Subscribe([]string{plain(t, dir)})
	s := newSentinel(t, w)
	s.pass(t)

	sub.Set([]string{dir + "/g"})
	replace(t, dir+"/f", "new")
	s.pass(t)
	expectNone(t, sub)
	replace(t, dir+"/g", "new")
	expectSignal(t, sub)
}

func TestSubscriptionsOfOneFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	w := byEvents.watcher()
	start(t, w)
	one, two := w.Subscribe([]string{plain(t, dir)}), w.Subscribe([]string{dir + "/f"})
	replace(t, dir+"/f", "new")
	expectSignal(t, one)
	expectSignal(t, two)

	one.Close()
	one.Close()
	replace(t, dir+"/f", "newer")
	expectSignal(t, two)
	newSentinel(t, w).pass(t)
	expectNone(t, one)
}

func TestOneSlot(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	w := byEvents.watcher()
	start(t, w)
	sub := w.Subscribe([]string{plain(t, dir)})
	s := newSentinel(t, w)
	for range 3 { // three changes, told one by one, that nobody receives
		replace(t, dir+"/f", "new")
		s.pass(t)
		s.pass(t)
	}
	expectSignal(t, sub)
	expectNone(t, sub)
}

// Nothing that was watched once stays so.
func TestDirectoriesAreGivenUp(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	n := &fakeNotifier{watched: make(map[string]bool)}
	l := newLoop(nil, byEvents.options, n)
	w := byEvents.watcher()
	sub := w.Subscribe([]string{kubernetes(t, dir), dir + "/a/b"})
	l.apply(w.takeUpdates())
	if !n.watched[dir] || !n.watched[dir+"/..1"] {
		t.Fatalf("watched %v", n.watched)
	}
	mkdir(t, dir+"/..2")
	write(t, dir+"/..2/f", "new")
	relink(t, "..2", dir+"/..data")
	l.checkAll()
	if n.watched[dir+"/..1"] || !n.watched[dir+"/..2"] {
		t.Errorf("after the swap: watched %v", n.watched)
	}
	sub.Close()
	l.apply(w.takeUpdates())
	if len(n.watched)+len(l.entries)+len(l.dirs)+len(l.files) > 0 {
		t.Errorf("after Close: watched %v, %d entries, %d dirs, %d files", n.watched, len(l.entries), len(l.dirs), len(l.files))
	}
}
