// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package agent_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/certagent/certagent/agent"
	"github.com/certagent/certagent/logmsg"
)

// reloading is an agent whose configuration can be changed.
type reloading struct {
	*running
	reloads chan agent.Reload
}

func (w *world) startReloading(text string, options ...func(*agent.Agent)) *reloading {
	w.Helper()
	reloads := make(chan agent.Reload)
	options = append(options, func(a *agent.Agent) { a.Reloads = reloads })
	return &reloading{w.start(text, options...), reloads}
}

// reload changes the configuration and returns what became of it.
func (r *reloading) reload(text string) error {
	r.Helper()
	done := make(chan error, 1)
	r.reloads <- agent.Reload{Config: r.load(text), Done: func(err error) { done <- err }}
	return <-done
}

// named is a bundle of that name with a certificate for that common name.
func named(name, commonName string) string {
	return fmt.Sprintf(`
bundle %q {
  directory = "DIR/%s"
  certificate {
    role        = "pki/web"
    common_name = %q
    files       = { cert = "tls.crt", key = "tls.key" }
  }
  change_mode = "command"
  command     = ["sh", "-c", "echo changed >> DIR/%s.changes"]
}
`, name, name, commonName, name)
}

func TestReloadIssuesNothing(t *testing.T) {
	w := newWorld(t)
	text := loginBlocks + named("a", "a.test") + named("b", "b.test") + threeTemplates("", "") + `
exec { command = ["sh", "-c", "echo $$ >> DIR/child; exec sleep 60"] }`
	r := w.startReloading(text)
	w.Eventually("the child", func() bool { return w.Read("child") != "" })
	r.Says(logmsg.ChangeDone)
	w.Eventually("both changes", func() bool { return w.Read("a.changes") != "" && w.Read("b.changes") != "" })
	before := len(w.Dev.Requests())
	for range 3 {
		if err := r.reload(text); err != nil {
			t.Fatal(err)
		}
	}
	// Moved and commented, it is still the same.
	if err := r.reload("# a comment\n" + loginBlocks + named("b", "b.test") + threeTemplates("", "") + named("a", "a.test") + text[strings.Index(text, "\nexec"):]); err != nil {
		t.Fatal(err)
	}
	if got := len(w.Dev.Requests()); got != before {
		t.Errorf("%d requests for reloads of the same configuration", got-before)
	}
	// A changed name is one certificate, and one reaction, of that bundle.
	changed := strings.Replace(text, `"a.test"`, `"other.test"`, 1)
	if err := r.reload(changed); err != nil {
		t.Fatal(err)
	}
	w.Eventually("the new name", func() bool { return w.Leaf("a/tls.crt").Subject.CommonName == "other.test" })
	w.Eventually("its reaction", func() bool { return strings.Count(w.Read("a.changes"), "changed") == 2 })
	r.end()
	if got := w.signed(); got != 3 {
		t.Errorf("%d certificates signed, want 3", got)
	}
	if got := w.issued(); got != 1 {
		t.Errorf("%d certificates issued for templates, want 1", got)
	}
	if got := strings.Count(w.Read("b.changes"), "changed"); got != 1 {
		t.Errorf("%d reactions of the bundle that did not change", got)
	}
	if got := strings.Count(w.Read("child"), "\n"); got != 1 {
		t.Errorf("the child was started %d times", got)
	}
}

func TestReloadAddsAndRemoves(t *testing.T) {
	w := newWorld(t)
	w.PutKV("app", map[string]any{"password": "one"})
	password := func(destination, text string) string {
		return `
template {
  contents    = "{{ with secret \"secret/data/app\" }}` + text + `{{ .Data.data.password }}{{ end }}"
  destination = "DIR/` + destination + `"
}`
	}
	r := w.startReloading(loginBlocks + named("a", "a.test") + password("one", ""))
	r.Says(logmsg.AllPublished)
	if err := r.reload(loginBlocks + named("b", "b.test") + password("one", "") + password("two", "new ")); err != nil {
		t.Fatal(err)
	}
	w.Eventually("the new bundle", func() bool { return w.Leaf("b/tls.crt") != nil })
	w.Eventually("the new template", func() bool { return w.Read("two") == "new one" })
	// The bundle that is gone is let alone; what is there is looked after.
	if err := os.Remove(w.Path("b/tls.crt")); err != nil {
		t.Fatal(err)
	}
	if err := r.reload(loginBlocks + named("b", "b.test") + password("one", "changed ")); err != nil {
		t.Fatal(err)
	}
	w.Eventually("the changed template", func() bool { return w.Read("one") == "changed one" })
	if w.Leaf("a/tls.crt") == nil || w.Read("two") != "new one" {
		t.Error("files of what is gone were removed")
	}
	r.end()
	if got := w.Asked("GET", "/v1/secret/data/app"); got != 1 {
		t.Errorf("the password was asked for %d times, want once", got)
	}
}

// A reload is refused for the same reasons as a start, and changes nothing.
func TestReloadOfWhatTheAgentWouldNotStartWithIsRefused(t *testing.T) {
	w := newWorld(t)
	text := loginBlocks + named("a", "a.test")
	r := w.startReloading(text)
	r.Says(logmsg.ChangeDone)
	before := len(w.Dev.Requests())
	wrong := strings.Replace(text, "directory =", "user = \"nobody-of-that-name\"\n directory =", 1)
	if err := r.reload(wrong); err == nil || !strings.Contains(err.Error(), `there is no user "nobody-of-that-name"`) {
		t.Errorf("the reload ends with %v", err)
	}
	if got := len(w.Dev.Requests()); got != before {
		t.Errorf("%d requests for a reload that is refused", got-before)
	}
	if err := r.reload(text); err != nil {
		t.Error(err)
	}
}

func TestReloadOfWhatAnotherAgentHasIsRefused(t *testing.T) {
	w := newWorld(t)
	other := w.start(loginBlocks + named("a", "a.test"))
	other.Says(logmsg.AllPublished)
	r := w.startReloading(loginBlocks + named("b", "b.test"))
	r.Says(logmsg.AllPublished)
	if err := r.reload(loginBlocks + named("a", "a.test")); err == nil {
		t.Error("it was accepted")
	}
	w.Pair("b/tls.crt", "b/tls.key")
	r.end()
	other.end()
	if got := w.signed(); got != 2 {
		t.Errorf("%d certificates, want 2", got)
	}
}
