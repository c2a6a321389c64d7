// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package agent_test

import (
	"context"
	"errors"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/certagent/certagent/agent"
	"github.com/certagent/certagent/agent/status"
	"github.com/certagent/certagent/internal/harness"
)

// handled is an agent that somebody has a handle of.
type handled struct {
	*running
	*agent.Handle
}

func (w *world) startHandled(text string) *handled {
	w.Helper()
	_, h := w.startReloadingHandled(text)
	return h
}

// startReloadingHandled starts an agent whose configuration can be changed as well.
func (w *world) startReloadingHandled(text string) (*reloading, *handled) {
	w.Helper()
	handles := make(chan *agent.Handle, 1)
	r := w.startReloading(text, func(a *agent.Agent) { a.Running = func(h *agent.Handle) { handles <- h } })
	select {
	case h := <-handles:
		return r, &handled{r.running, h}
	case <-time.After(harness.Patience):
		w.Fatal("Running is not called")
		return nil, nil
	}
}

// becomes waits until the status is as it should be. It looks only when something
// has changed.
func (h *handled) becomes(what string, holds func(status.Agent) bool) status.Agent {
	h.Helper()
	deadline := time.After(harness.Patience)
	for {
		if s := h.Status(); holds(s) {
			return s
		}
		select {
		case <-h.Changed():
		case <-deadline:
			h.Fatalf("never: %s; it is %+v", what, h.Status())
		}
	}
}

// bundle returns what is known of the bundle of that name.
func bundleNamed(s status.Agent, name string) status.Bundle {
	at := slices.IndexFunc(s.Bundles, func(b status.Bundle) bool { return strings.HasSuffix(b.Name, name) })
	if at < 0 {
		return status.Bundle{}
	}
	return s.Bundles[at]
}

func TestStatusFromSealedToPublished(t *testing.T) {
	w := newWorld(t)
	w.Dev.Seal()
	h := w.startHandled(loginBlocks + webBundle("", "") + threeTemplates("", ""))
	s := h.becomes("waiting for Vault", func(s status.Agent) bool { return s.LoginError != "" && len(s.Bundles) == 2 })
	if s.Login != status.Vault || !s.AwaitsVault() || s.Ready || !strings.Contains(s.LoginError, "sealed") {
		t.Errorf("a Vault that is sealed: %+v", s)
	}
	h.becomes("both bundles wait", func(s status.Agent) bool {
		return bundleNamed(s, "web").Awaits == status.Vault && bundleNamed(s, "ca.crt").Awaits == status.Vault
	})
	w.Dev.Unseal()
	s = h.becomes("published", func(s status.Agent) bool {
		return s.Ready && bundleNamed(s, "web").Published && bundleNamed(s, "ca.crt").Published
	})
	if s.Login != status.Nothing || s.LoginError != "" {
		t.Errorf("logged in: %+v", s)
	}
	for _, b := range s.Bundles {
		if b.Generation != 1 || b.Owed != 0 || b.Awaits != status.Nothing || b.LastError != "" {
			t.Errorf("a published bundle: %+v", b)
		}
		if !b.Renews.After(time.Now()) || !b.Expires.After(b.Renews) {
			t.Errorf("it renews at %s and ends at %s", b.Renews, b.Expires)
		}
	}
	if err := h.Alive(t.Context()); err != nil {
		t.Error(err)
	}
}

// A set that is fresh is published, and renews, though nothing was asked yet.
func TestStatusOfWhatAnEarlierRunLeft(t *testing.T) {
	w := newWorld(t)
	text := loginBlocks + threeTemplates("", "")
	first := w.startHandled(text)
	before := bundleNamed(first.becomes("published", func(s status.Agent) bool { return s.Ready && bundleNamed(s, "ca.crt").Generation == 1 }), "ca.crt")
	first.end()
	w.Dev.Seal()
	s := w.startHandled(text).becomes("ready", func(s status.Agent) bool { return s.Ready && len(s.Bundles) == 1 })
	b := s.Bundles[0]
	if !b.Published || b.Generation != 1 || !b.Renews.Equal(before.Renews) || !b.Expires.Equal(before.Expires) {
		t.Errorf("%+v, and before the restart %+v", b, before)
	}
}

func TestStatusOfWhatVaultRefuses(t *testing.T) {
	w := newWorld(t)
	h := w.startHandled(loginBlocks + strings.Replace(webBundle("", ""), "pki/web", "pki/nobody", 1) + `
template {
  contents    = "{{ with secret \"secret/data/none\" }}{{ .Data.data.x }}{{ end }}"
  destination = "DIR/none"
}`)
	s := h.becomes("refused", func(s status.Agent) bool {
		return bundleNamed(s, "web").Awaits == status.Operator && bundleNamed(s, "none").Awaits == status.Operator
	})
	if s.AwaitsVault() || s.Ready {
		t.Errorf("%+v", s)
	}
	h.becomes("both have an error", func(s status.Agent) bool {
		return bundleNamed(s, "web").LastError != "" && bundleNamed(s, "none").LastError != ""
	})
}

// Vault is not blamed for what is missing or wrong on this host.
func TestStatusOfWhatIsMissingHere(t *testing.T) {
	const keystore = `
bundle "web" {
  certificate {
    role        = "pki/web"
    common_name = "example.test"
    files       = { pkcs12 = "DIR/tls.p12" }
    password    = { file = "DIR/none" }
  }
}`
	for name, c := range map[string]struct {
		before func(w *world)
		text   string
		says   string
	}{
		"a password":                      {text: keystore, says: "reading the password: .*/none: no such file"},
		"a password, and Vault is sealed": {before: func(w *world) { w.Dev.Seal() }, text: keystore, says: "reading the password: .*/none: no such file"},
		"a template's source": {text: `
bundle "web" {
  template {
    source      = "DIR/none.tpl"
    destination = "DIR/out"
  }
  template {
    contents    = "{{ with secret \"secret/data/app\" }}{{ .Data.data.password }}{{ end }}"
    destination = "DIR/password"
  }
}`, says: "none.tpl: no such file"},
		"the right time": {before: func(w *world) { w.Dev.SetAhead(2 * time.Hour) }, text: webBundle("", ""), says: "is not valid before"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.PutKV("app", map[string]any{"password": "x"})
			if c.before != nil {
				c.before(w)
			}
			h := w.startHandled(loginBlocks + c.text)
			s := h.becomes("it says what is missing", func(s status.Agent) bool {
				return regexp.MustCompile(c.says).MatchString(bundleNamed(s, "web").LastError)
			})
			if b := bundleNamed(s, "web"); b.Awaits != status.Nothing || s.AwaitsVault() {
				t.Errorf("it awaits %d, Vault alone: %t", b.Awaits, s.AwaitsVault())
			}
			if line := s.Line(time.Now()); s.LoginError == "" && !strings.HasPrefix(line, "0 of 1 bundle published") {
				t.Errorf("the status is %q", line)
			}
			h.end()
		})
	}
}

func TestStatusOfALoginThatIsRefused(t *testing.T) {
	w := newWorld(t)
	w.Write("secretid", "11111111-2222-3333-4444-555555555555")
	h := w.startHandled(loginBlocks + webBundle("", ""))
	s := h.becomes("refused", func(s status.Agent) bool { return s.LoginError != "" })
	if s.Login != status.Operator {
		t.Errorf("%+v", s)
	}
}

func TestStatusOfAVetoAndOfWhatIsOwed(t *testing.T) {
	w := newWorld(t)
	h := w.startHandled(loginBlocks + webBundle("", `change_mode = "command"
  command = ["sh", "-c", "test -e DIR/works"]
  check { command = ["test", "-e", "DIR/sound"] }`))
	b := bundleNamed(h.becomes("vetoed", func(s status.Agent) bool { return bundleNamed(s, "web").Check == status.Vetoed }), "web")
	if b.Published || !strings.Contains(b.LastError, "exit code 1") || b.LastErrorAt.IsZero() {
		t.Errorf("vetoed: %+v", b)
	}
	w.Write("sound", "")
	b = bundleNamed(h.becomes("published", func(s status.Agent) bool { return bundleNamed(s, "web").Published }), "web")
	if b.Check != status.Passed || b.Owed != 1 {
		t.Errorf("passed: %+v", b)
	}
	w.Write("works", "")
	h.becomes("nothing owed", func(s status.Agent) bool { return bundleNamed(s, "web").Owed == 0 })
}

func TestStatusOfWhatIsServed(t *testing.T) {
	w := newWorld(t)
	address := harness.FreeAddress(t)
	r, h := w.startReloadingHandled(w.stubborn(address, "", ""))
	h.becomes("served", func(s status.Agent) bool { return bundleNamed(s, "web").Proof == status.Served })
	w.Check(r.reload(w.stubborn(address, `alt_names = ["www.example.test"]`, "")))
	b := bundleNamed(h.becomes("another one is served", func(s status.Agent) bool { return bundleNamed(s, "web").Proof == status.ServedOld }), "web")
	if !b.Published || b.LastError == "" {
		t.Errorf("%+v", b)
	}
}

// What a reload takes out of the configuration is forgotten, what it puts there is
// known.
func TestStatusAfterAReload(t *testing.T) {
	w := newWorld(t)
	r, h := w.startReloadingHandled(loginBlocks + named("a", "a.test"))
	h.becomes("published", func(s status.Agent) bool { return bundleNamed(s, "a").Published })
	if err := r.reload(loginBlocks + named("b", "b.test")); err != nil {
		t.Fatal(err)
	}
	s := h.becomes("published", func(s status.Agent) bool { return bundleNamed(s, "b").Published })
	if len(s.Bundles) != 1 || !s.Ready {
		t.Errorf("%+v", s)
	}
}

// A loop that is busy for good reason is alive, and so is an agent that stops.
func TestAliveWhileBusy(t *testing.T) {
	w := newWorld(t)
	h := w.startHandled(loginBlocks + webBundle("", `change_mode = "command"
  command = ["sh", "-c", "echo begun > DIR/begun; sleep 60"]`) + `
exec { command = ["sleep", "60"] }`)
	w.Eventually("the command", func() bool { return w.Read("begun") != "" })
	h.becomes("ready", func(s status.Agent) bool { return s.Ready })
	if err := h.Alive(t.Context()); err != nil {
		t.Error(err)
	}
	h.end()
	if err := h.Alive(t.Context()); err != nil {
		t.Error(err)
	}
	if s := h.Status(); !s.Ready || len(s.Bundles) != 0 {
		t.Errorf("%+v", s)
	}
}

// order notes which of an agent's calls came, in which order.
type order struct {
	mu    sync.Mutex
	calls []string
}

func (o *order) note(call string) func() {
	return func() {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.calls = append(o.calls, call)
	}
}

func (o *order) watch(a *agent.Agent) {
	running := o.note("running")
	a.Running, a.Ready, a.Stopping = func(*agent.Handle) { running() }, o.note("ready"), o.note("stopping")
}

func (o *order) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return strings.Join(o.calls, " ")
}

func TestOrderOfRunningReadyAndStopping(t *testing.T) {
	w := newWorld(t)
	w.PutKV("app", map[string]any{"password": "one"})
	const password = `
template {
  contents    = "{{ with secret \"secret/data/app\" }}{{ .Data.data.password }}{{ end }}"
  destination = "DIR/password"
}
`
	for _, c := range []struct{ name, text, want string }{
		{"stopped", loginBlocks + password, "running ready stopping"},
		{"one-shot", loginBlocks + password + "exit_after_auth = true", "running ready stopping"},
		{"the child ends", loginBlocks + password + `exec { command = ["false"] }`, "running ready stopping"},
		{"gives up", strings.Replace(loginBlocks, "min_backoff", "exit_on_err = true\n    min_backoff", 1) + password, "running stopping"},
	} {
		var o order
		if c.name == "gives up" {
			w.Write("secretid", "11111111-2222-3333-4444-555555555555")
		}
		r := w.start(strings.Replace(c.text, "DIR/password", "DIR/"+strings.ReplaceAll(c.name, " ", "-"), 1), o.watch)
		if c.name == "stopped" {
			w.Eventually("ready", func() bool { return strings.Contains(o.String(), "ready") })
			r.stop()
		}
		r.wait()
		// A child that ends at once may do so before its bundles are said to be ready.
		if got := o.String(); got != c.want && !(c.name == "the child ends" && got == "running stopping") {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// A wait for a heartbeat ends with its context.
func TestAliveEndsWithItsContext(t *testing.T) {
	w := newWorld(t)
	h := w.startHandled(loginBlocks + webBundle("", ""))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	// With a context that has ended either may come: an answer that is quick, or the end.
	if err := h.Alive(ctx); err != nil && !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
