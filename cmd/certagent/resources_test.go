// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"crypto/x509"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/certagent/certagent/internal/harness"
	"github.com/certagent/certagent/logmsg"
)

// startLimited runs the agent from a shell that has run a command before, such as ulimit.
// It logs to a file: what Go prints when it has no memory is not a failure here.
func (w *world) startLimited(command, text string) *process {
	w.Helper()
	w.Write("agent.hcl", w.expand(text))
	return launchProgram(w.T, w.Path(""), nil, "sh", "-c", command+` && exec certagent agent -config="$0" 2>"$1"`, w.Path("agent.hcl"), w.Path("log"))
}

// bundleOf is a bundle with a key made on this host.
func bundleOf(change string) string { return webBlock("pki/web", change) }

// Without getrandom(2), keys are made from /dev/urandom; each is another one. Without
// that as well, there is no key at all.
func TestNoRandomNumbers(t *testing.T) {
	strace := harness.Program(t, "strace")
	t.Run("no getrandom", func(t *testing.T) {
		w := newWorld(t)
		w.Write("agent.hcl", w.expand(login+bundleOf(`change_mode = "noop"`)))
		var keys []string
		for range 2 {
			w.Check(os.RemoveAll(w.Path("web")))
			p := launchProgram(w.T, w.Path(""), nil, strace, "-f", "-qq", "-o", os.DevNull, "-e", "trace=getrandom", "-e", "inject=getrandom:error=ENOSYS",
				"certagent", "agent", "-once", "-config="+w.Path("agent.hcl"))
			p.Ends(exitOK)
			w.Pair("web/tls.crt", "web/tls.key")
			keys = append(keys, w.Read("web/tls.key"))
		}
		if keys[0] == keys[1] {
			t.Error("the same key was made twice")
		}
	})
	t.Run("no /dev/urandom either", func(t *testing.T) {
		w := newWorld(t)
		if os.Getuid() != 0 {
			t.Skip("hiding /dev/urandom needs root: this test was not run")
		}
		w.Write("agent.hcl", w.expand(login+bundleOf(`change_mode = "noop"`)))
		script := `mount --bind /dev/null /dev/urandom && exec strace -f -qq -o /dev/null -e trace=getrandom -e inject=getrandom:error=ENOSYS certagent agent -once -config="$0" 2>"$1"`
		p := launchProgram(w.T, w.Path(""), nil, "unshare", "-m", "sh", "-c", script, w.Path("agent.hcl"), w.Path("log"))
		harness.Eventually(t, "it ends", func() bool { return !p.Running() })
		if p.State().Success() || !strings.Contains(w.Read("log"), "random") {
			t.Errorf("%v:\n%s", p.State(), w.Read("log"))
		}
		keys, err := filepath.Glob(w.Path("web/*.key"))
		w.Check(err)
		if len(keys) > 0 {
			t.Errorf("there are the keys %q", keys)
		}
	})
}

// With a limit of descriptors that is too low, the agent says so, publishes no half of a
// set, and stops when it is told to; with a low one, it works.
func TestFewDescriptors(t *testing.T) {
	for _, limit := range []string{"12", "14", "16", "20", "32"} {
		t.Run(limit, func(t *testing.T) {
			w := newWorld(t)
			text := login + eager + certificate(often, `command = ["sh", "-c", "echo changed >> DIR/changes"]`) + bundleOf(`change_mode = "noop"`)
			p := w.startLimited("ulimit -n "+limit, text)
			harness.Eventually(t, "it works, or says why not", func() bool {
				return strings.Count(w.Read("changes"), "\n") > 2 || strings.Contains(w.Read("log"), `too many open files`) || !p.Running()
			})
			said := w.Read("log")
			if limit == "32" && !strings.Contains(said, logmsg.AllPublished) {
				t.Errorf("it does not work:\n%s", said)
			}
			if !p.Running() {
				if !strings.Contains(said, `too many open files`) {
					t.Errorf("%v:\n%s", p.State(), said)
				}
			} else {
				p.Signal(syscall.SIGTERM)
				harness.Eventually(t, "it stops", func() bool { return !p.Running() })
			}
			w.wholePairs()
		})
	}
}

// With a limit of memory that is too low, the agent cannot start, or ends; it leaves no
// half of a set, and the next start without the limit goes on.
func TestLittleMemory(t *testing.T) {
	w := newWorld(t)
	text := login + certificate(once, "") + bundleOf(`change_mode = "noop"`)
	for _, limit := range []string{"200000", "900000", "1300000"} {
		p := w.startLimited("ulimit -v "+limit, text)
		harness.Eventually(t, "it works, or ends", func() bool { return strings.Contains(w.Read("log"), logmsg.AllPublished) || !p.Running() })
		if p.Running() { // and may be out of memory in the end
			p.Signal(syscall.SIGTERM)
			harness.Eventually(t, "it ends", func() bool { return !p.Running() })
		} else if p.State().Success() {
			t.Errorf("with %s KiB it ended with success", limit)
		}
		w.wholePairs()
	}
	p := w.start(text)
	p.Says(logmsg.AllPublished)
	p.stop()
	w.leaf()
	w.Pair("web/tls.crt", "web/tls.key")
}

// wholePairs fails the test if one half of a pair is published, or one that does not fit.
func (w *world) wholePairs() {
	w.Helper()
	for _, dir := range []string{"tls", "web"} {
		var leaf *x509.Certificate
		if leaf = w.Leaf(dir + "/tls.crt"); leaf == nil && w.Read(dir+"/tls.key") == "" {
			continue
		}
		w.Pair(dir+"/tls.crt", dir+"/tls.key")
	}
}
