// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/certagent/certagent/agent"
	"github.com/certagent/certagent/internal/harness"
)

// waitEnds runs "certagent wait -timeout=0" and returns its exit code and what it prints.
func (w *world) waitEnds() (code int, printed string) {
	w.Helper()
	p := launch(w.T, w.Path(""), nil, "wait", "-timeout=0", "-config="+w.Path("agent.hcl"))
	<-p.Ended()
	return p.State().ExitCode(), p.String()
}

// A health check in the midst of a publication that replaces one file after the other
// does not fail for it.
func TestWaitDuringAPublication(t *testing.T) {
	w := newWorld(t)
	text := web("")(w)
	w.start(text, "-once").Ends(exitOK)
	first := [2]string{w.Read(certFile), w.Read("web/tls.key")}
	w.Check(os.RemoveAll(w.Path("web")))
	w.start(text, "-once").Ends(exitOK)
	pairs := [][2]string{first, {w.Read(certFile), w.Read("web/tls.key")}}

	stop := make(chan struct{})
	var publishing sync.WaitGroup
	replace := func(name, content string) {
		w.Write(name+".new", content)
		w.Check(os.Rename(w.Path(name+".new"), w.Path(name)))
	}
	publishing.Go(func() {
		for i := 0; ; i++ {
			pair := pairs[i%2]
			replace("web/tls.key", pair[1])
			time.Sleep(10 * time.Millisecond)
			replace(certFile, pair[0])
			select {
			case <-stop:
				return
			case <-time.After(15 * time.Millisecond):
			}
		}
	})
	for range 20 {
		if code, printed := w.waitEnds(); code != exitOK {
			t.Errorf("it ends with %d: %s", code, printed)
		}
	}
	close(stop)
	publishing.Wait()

	// What stays is no moment in between.
	replace("web/tls.key", pairs[0][1])
	replace(certFile, pairs[1][0])
	if code, printed := w.waitEnds(); code != agent.ExitMissing || !strings.Contains(printed, "the private key does not match") {
		t.Errorf("with a key that does not match it ends with %d: %s", code, printed)
	}
}

// What others put at the path of a template's file is not what certagent publishes, before
// the first publication and after it; also in a directory that is published by one rename.
func TestWaitTakesNoPlaceholder(t *testing.T) {
	block := "bundle \"app\" {\n directory = \"DIR/app\"\n change_mode = \"noop\"\n" + strings.Replace(password(""), "DIR/password", "password", 1) + "}\n"
	for name, c := range map[string]struct{ text, file, stored string }{
		"file by file": {password(""), "password", "password"},
		"directory":    {block, "app/password", "app/..data/password"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			text := login + c.text
			w.Write("agent.hcl", w.expand(text))
			w.Write(c.file, "changeme\n")
			refused := func(when string) {
				t.Helper()
				if code, printed := w.waitEnds(); code != agent.ExitMissing || !strings.Contains(printed, c.file+": certagent has not published what it holds") {
					t.Errorf("%s: it ends with %d: %s", when, code, printed)
				}
			}
			refused("before the first publication")
			w.start(text, "-once").Ends(exitOK)
			if code, printed := w.waitEnds(); code != exitOK {
				t.Errorf("after it: it ends with %d: %s", code, printed)
			}
			w.Write(c.stored, "changed\n")
			refused("after a change by somebody else")
		})
	}
}

// An entrypoint may run as another user than certagent, who may read the files, but not
// the records beside them, and may have mounted them under another path.
func TestWaitOfOthers(t *testing.T) {
	w := newWorld(t)
	if os.Getuid() != 0 {
		harness.Missing(t, "needs root to run as another user")
	}
	text := login + strings.Replace(password("perms = \"0644\""), "DIR/password", "DIR/files/password", 1)
	w.Write("files/x", "")
	w.start(text, "-once").Ends(exitOK)
	wait := func(code int) *process {
		t.Helper()
		harness.Program(t, "setpriv")
		binary, err := exec.LookPath("certagent")
		w.Check(err)
		for dir := w.Path(""); dir != "/"; dir = filepath.Dir(dir) {
			info, err := os.Stat(dir)
			w.Check(err)
			if info.Mode()&0o005 != 0o005 {
				w.Check(os.Chmod(dir, info.Mode()|0o055))
			}
		}
		w.Check(os.Chmod(w.Path("agent.hcl"), 0o644))
		p := launchProgram(t, w.Path(""), nil, "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", binary, "wait", "-timeout=0", "-config="+w.Path("agent.hcl"))
		p.Ends(code)
		return p
	}
	wait(exitOK)
	w.Check(os.Chmod(w.Path("files/password"), 0o600))
	wait(agent.ExitMissing).Says("files/password: permission denied\n.*run certagent wait as a user who may read every file")

	w.Check(os.Rename(w.Path("files"), w.Path("mounted")))
	w.Write("agent.hcl", w.expand(strings.Replace(text, "DIR/files", "DIR/mounted", 1)))
	if code, printed := w.waitEnds(); code != exitOK {
		t.Errorf("under another path: it ends with %d: %s", code, printed)
	}
}
