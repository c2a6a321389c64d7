// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/certagent/certagent/logmsg"
)

// The files that certagent writes for itself and for its children: what stands at their
// path and could be somebody else's is refused at the start, and by validate -host, and
// stays as it is.
func TestOwnFilesThatOthersHavePutThere(t *testing.T) {
	for name, text := range map[string]string{
		"pid_file":             `pid_file = "PATH"`,
		"log_file":             `log_file = "PATH"`,
		"child_process_stdout": child("exit 0", `child_process_stdout = "PATH"`),
		"child_process_stderr": child("exit 0", `child_process_stderr = "PATH"`),
	} {
		for what, put := range map[string]func(w *world, path string) error{
			"a link":             func(w *world, path string) error { return os.Symlink(w.Path("precious"), path) },
			"hard links":         func(w *world, path string) error { return os.Link(w.Path("precious"), path) },
			"not a regular file": func(_ *world, path string) error { return syscall.Mkfifo(path, 0o600) },
		} {
			t.Run(name+"/"+strings.ReplaceAll(what, " ", "_"), func(t *testing.T) {
				w := newWorld(t)
				w.Write("precious", "precious")
				path := w.Path("own")
				w.Check(put(w, path))
				config := login + password("") + strings.ReplaceAll(text, "PATH", path)
				p := w.start(config)
				p.Says(`own.*` + what)
				p.Ends(3)
				if got := w.Read("precious"); got != "precious" {
					t.Errorf("the file that it leads to holds %q", got)
				}
				p = launch(t, w.Path(""), nil, "validate", "-host", "-config="+w.Path("agent.hcl"))
				p.Says(regexp.QuoteMeta(name) + `: cannot write "` + path + `": .*` + what)
				p.Ends(3)
				if info, err := os.Lstat(path); err != nil || info.Mode().IsRegular() != (what == "hard links") {
					t.Errorf("what stood there was replaced: %v", err)
				}
			})
		}
	}
}

// A log_file that is the log of a container is no file to be rotated.
func TestLogFileIsStandardOutput(t *testing.T) {
	for _, path := range []string{"/dev/stdout", "/proc/self/fd/1", "DIR/link"} {
		t.Run(filepath.Base(path), func(t *testing.T) {
			w := newWorld(t)
			w.Check(os.Symlink("/dev/stdout", w.Path("link")))
			p := w.start(login+password("")+`
log_file         = "`+path+`"
log_rotate_bytes = 10
`, "-once")
			p.SaysTimes(logmsg.Finished, 2)
			p.Ends(0)
			if p.Count(logmsg.LogNotRotated) > 0 {
				t.Error("the log was to be rotated")
			}
			if target, err := os.Readlink(w.Path("link")); err != nil || target != "/dev/stdout" {
				t.Errorf("the link leads to %q, %v", target, err)
			}
		})
	}
}

// New files are certagent's user's alone; the mode of one that is there is kept.
func TestModesOfOwnFiles(t *testing.T) {
	w := newWorld(t)
	w.Write("kept.log", "before\n")
	w.Check(os.Chmod(w.Path("kept.log"), 0o644))
	p := w.start(login + password("") + `
pid_file = "DIR/pid"
log_file = "DIR/agent.log"
` + child("echo said; exec sleep 1000", `child_process_stdout = "DIR/child.log"
  child_process_stderr = "DIR/kept.log"`))
	p.Says(logmsg.ChildStarted)
	for name, want := range map[string]os.FileMode{"pid": 0o600, "agent.log": 0o600, "child.log": 0o600, "kept.log": 0o644} {
		info, err := os.Stat(w.Path(name))
		if w.Check(err); info.Mode() != want {
			t.Errorf("%s has mode %v, want %v", name, info.Mode(), want)
		}
	}
	// What has taken the place of the pid file is not certagent's to remove.
	w.Check(os.Remove(w.Path("pid")))
	w.Write("pid", "other")
	p.stop()
	if got := w.Read("pid"); got != "other" {
		t.Errorf("the other pid file holds %q", got)
	}
	if got := w.Read("kept.log"); got != "before\n" {
		t.Errorf("the file that was there holds %q", got)
	}
}
