// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package sinks

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
)

// A situation is one in which the second generation is published or completed. The tests
// interrupt each system call of that.
type situation struct {
	name   string
	before int    // the current generation; 2: committed but not complete
	env    string // of the process
	// undone means that a failure leaves the old generation even without Recover.
	undone bool

	// For a LinkDir: what prepares it, and the generation that becomes the current one.
	prepare func(t *testing.T, d string)
	after   int

	// states leaves out the calls that only read. Being killed before one of them leaves
	// the same state as before the next call that changes something.
	states bool
}

var situations = []situation{
	{name: "replacing", before: 1, undone: true},
	{name: "first", before: 0, undone: true},
	{name: "without exchange", before: 1, env: noExchange},
}

func (s situation) setUp(t *testing.T) (root string) {
	t.Helper()
	root = memory(t)
	switch {
	case s.prepare != nil:
		s.prepare(t, filepath.Join(root, "d"))
	case s.before == 1:
		publish(t, generation(root, 1))
	case s.before == 2:
		committed(t, root, 1)
	}
	return root
}

// disturb publishes; strace injects a signal or an error at the call c.
func (s situation) disturb(t *testing.T, root string, c call, inject string) (code int) {
	t.Helper()
	path := c.path
	if c.root {
		path = root + c.path
	}
	return strace(t, root, s.env, "-o", os.DevNull, "-P", path, "-e", "trace="+c.name,
		"-e", fmt.Sprintf("inject=%s:%s:when=%d", c.name, inject, c.nth))
}

// each runs a test for each system call in each situation, and logs how many ran.
func each(t *testing.T, situations []situation, test func(t *testing.T, s situation, c call)) {
	for _, s := range situations {
		t.Run(s.name, func(t *testing.T) {
			calls := trace(t, s.setUp(t), s.env)
			var runs, bad atomic.Int64
			t.Cleanup(func() { t.Logf("%s: calls=%d runs=%d bad=%d", t.Name(), len(calls), runs.Load(), bad.Load()) })
			synced := 0 // failures of later calls do not matter
			for i, c := range calls {
				if c.text == "fsync(d)" {
					synced = i
				}
			}
			for i, c := range calls {
				c.last = i > synced
				if s.states && c.reads() && i < len(calls)-1 {
					continue
				}
				t.Run(fmt.Sprintf("%02d %s", i, strings.ReplaceAll(c.text, "/", "_")), func(t *testing.T) {
					t.Parallel()
					runs.Add(1)
					defer func() {
						if t.Failed() {
							bad.Add(1)
						}
					}()
					test(t, s, c)
				})
			}
		})
	}
}

func (c call) reads() bool {
	switch c.name {
	case "flock", "statx", "fstat", "read", "readlinkat", "getdents64", "close":
		return true
	}
	return false
}

// recovered runs Recover and checks that one generation is left, complete and
// with its payload. It returns which.
func recovered(t *testing.T, root string) int {
	t.Helper()
	records, err := Recover(t.Context(), []string{filepath.Join(root, "a"), filepath.Join(root, "b")})
	if err != nil {
		t.Error(err)
	}
	if left := temps(t, root); left != nil {
		t.Errorf("Recover left %v", left)
	}
	n := onDisk(t, root)
	if n == 0 {
		if len(records) != 0 {
			t.Errorf("no files, but the records %+v", records)
		}
		return 0
	}
	if n < 0 || len(records) != 1 {
		t.Errorf("after Recover: generation %d, %d records", n, len(records))
		return n
	}
	var payload struct{ Owed int }
	if err := json.Unmarshal(records[0].Payload, &payload); err != nil {
		t.Error(err)
	}
	if payload.Owed != n || records[0].Generation != uint64(n) || !records[0].Intact {
		t.Errorf("generation %d is on disk, but the record is %+v", n, records[0])
	}
	return n
}

// TestKilledAtEachCall: if a process is killed before any call, the next process finds
// the old set with its payload, or the new set with its payload.
func TestKilledAtEachCall(t *testing.T) {
	t.Parallel()
	situations := append(slices.Clone(situations), situation{name: "recovering", before: 2, env: recovering})
	each(t, situations, func(t *testing.T, s situation, c call) {
		root := s.setUp(t)
		if code := s.disturb(t, root, c, "signal=SIGKILL"); code != -1 {
			t.Fatalf("was not killed: exit code %d", code)
		}
		if n := recovered(t, root); n != s.before && n != 2 {
			t.Errorf("generation %d", n)
		}
		publish(t, generation(root, 2))
		if n := onDisk(t, root); n != 2 {
			t.Errorf("publishing after the crash: generation %d", n)
		}
	})
}

// TestFailureAtEachCall: if any call fails, Publish returns an error, restores the old
// set and leaves no temporary files.
func TestFailureAtEachCall(t *testing.T) {
	t.Parallel()
	for errno, situations := range map[string][]situation{
		"ENOSPC": situations,
		"EIO":    situations,
		"EACCES": situations[:1],
		"EROFS":  situations[:1],
		"EDQUOT": situations[:1],
	} {
		t.Run(errno, func(t *testing.T) {
			each(t, situations, func(t *testing.T, s situation, c call) {
				root := s.setUp(t)
				code := s.disturb(t, root, c, "error="+errno)
				switch n := onDisk(t, root); {
				case code == 0 && n != 2:
					t.Errorf("no error, but generation %d", n)
				case code == 0 && !c.harmless():
					t.Error("no error")
				case code == 3 && s.undone && n != s.before:
					t.Errorf("an error, but generation %d", n)
				}
				if left := temps(t, root); s.undone && c.name != "unlinkat" && left != nil {
					t.Errorf("left %v", left)
				}
				if n := recovered(t, root); n != s.before && n != 2 {
					t.Errorf("generation %d", n)
				}
			})
		})
	}
}

// harmless reports whether a failure of the call changes nothing: a lock, the removal of
// an old file, the closing of a file that was only read.
func (c call) harmless() bool {
	return strings.Contains(c.text, lockName(os.Geteuid())) || c.name == "unlinkat" || c.name == "close" && !strings.Contains(c.text, prefix)
}
