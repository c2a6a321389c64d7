// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/certagent/certagent/dev/seed"
	"github.com/certagent/certagent/internal/harness"
	"github.com/certagent/certagent/logmsg"
)

// fileTemplate is a template at the top level, from DIR/NAME.tpl to DIR/NAME.
func fileTemplate(name, more string) string {
	return `
template {
  source      = "DIR/` + name + `.tpl"
  destination = "DIR/` + name + `"
  ` + more + `
}
`
}

// has waits for the content of a file.
func (w *world) has(name, content string) {
	w.Helper()
	harness.Eventually(w.T, name+" to have "+content, func() bool { return w.Read(name) == content })
}

// A template with error_fatal = false that fails to render leaves those alone that share
// nothing with it but a KV secret, at the start, while the agent runs, and at a reload.
func TestErrorFatalFalseHurtsOnlyItself(t *testing.T) {
	w := newWorld(t)
	w.PutKV("app", map[string]any{"password": "one"})
	w.Write("good.tpl", goodTemplate)
	w.Write("other.tpl", "other "+goodTemplate)
	w.Write("broken.tpl", `{{ with secret "secret/data/app" }}{{ .Data.data.password }}{{ .Data.data.absent | parseInt }}{{ end }}`)
	w.Write("unparsable.tpl", `{{ with secret "secret/data/app" }}never ended`)
	text := login + eager + fileTemplate("good", "") + fileTemplate("broken", "error_fatal = false") +
		fileTemplate("unparsable", "error_fatal = false") + fileTemplate("other", "")
	p := w.start(text)
	p.Says(logmsg.RenderFailed + ` bundle=\S*broken`)
	p.Says(logmsg.RenderFailed + ` bundle=\S*unparsable .*unexpected EOF.*hint=".*has no {{ end }}`)
	w.has("good", "password=one")
	w.has("other", "other password=one")

	w.PutKV("app", map[string]any{"password": "two"})
	w.has("good", "password=two")
	w.has("other", "other password=two")

	w.Write("agent.hcl", w.expand(strings.Replace(text, `"DIR/other"`, `"DIR/another"`, 1)))
	p.Signal(syscall.SIGHUP)
	p.Says(logmsg.Reloaded)
	w.has("another", "other password=two")

	w.Write("broken.tpl", "mended "+goodTemplate)
	w.has("broken", "mended password=two")
	w.Write("unparsable.tpl", "mended too "+goodTemplate)
	w.has("unparsable", "mended too password=two")
	p.stop()
}

// Without it the agent does not start, as validate says, and a reload is refused.
func TestTemplateThatDoesNotParse(t *testing.T) {
	w := newWorld(t)
	w.Write("app.tpl", `{{ with secret "secret/data/app" }}never ended`)
	w.start(login + fileTemplate("app", "")).Ends(3)
	launch(t, w.Path(""), nil, "validate", "-config="+w.Path("agent.hcl")).Ends(3)
	launch(t, w.Path(""), nil, "validate", "-host", "-config="+w.Path("agent.hcl")).Ends(3)
	if asked := w.Asked("PUT", "auth/"); asked > 0 {
		t.Errorf("logged in %d times", asked)
	}

	w.Write("app.tpl", goodTemplate)
	p := w.start(login + fileTemplate("app", ""))
	w.has("app", "password=one")
	w.Write("b.tpl", `{{ with`)
	w.Write("agent.hcl", w.expand(login+fileTemplate("app", "")+fileTemplate("b", "")))
	p.Signal(syscall.SIGHUP)
	p.Says(logmsg.ReloadRefused)
	p.stop()
}

// A template that is too large, or nested so deeply that a stack would not hold it, is an
// error for validate and for the agent.
func TestTemplateThatIsTooMuchToParse(t *testing.T) {
	for name, contents := range map[string]string{
		"nested":         strings.Repeat("{{range 1}}", 50_000) + strings.Repeat("{{end}}", 50_000),
		"large":          strings.Repeat("{{range 1}}", 200_000),
		"parentheses":    "{{ " + strings.Repeat("(", 500_000),
		"else branches":  "{{ if 1 }}" + strings.Repeat("{{ else if 1 }}", 50_000) + "{{ end }}",
		"never finished": strings.Repeat("{{with 1}}", 50_000),
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.Write("app.tpl", contents)
			w.start(login + fileTemplate("app", "")).Ends(3)
			p := launch(t, w.Path(""), nil, "validate", "-config="+w.Path("agent.hcl"))
			p.Says("nested more than 1000 levels deep|too large: the limit is 1 MiB")
			p.Ends(3)
		})
	}
}

// A certificate and its key in a KV secret bind templates in any case: the one is never
// published without the other.
func TestPairInKVBindsTemplatesWithErrorFatalFalse(t *testing.T) {
	w := newWorld(t)
	pair := func() seed.Pair {
		pair, err := seed.Issue(t.Context(), w.Client, "pki/issue/web", seed.Params{"common_name": "example.test"})
		w.Check(err)
		return pair
	}
	one, other := pair(), pair()
	put := func(certificate, key string) {
		w.PutKV("pair", map[string]any{"certificate": certificate, "key": key})
	}
	put(one.Cert, string(other.Key))
	w.Write("tls.crt.tpl", `{{ with secret "secret/data/pair" }}{{ .Data.data.certificate }}{{ end }}`)
	w.Write("tls.key.tpl", `{{ with secret "secret/data/pair" }}{{ .Data.data.key }}{{ end }}`)
	p := w.start(login + eager + fileTemplate("tls.crt", "error_fatal = false") + fileTemplate("tls.key", "error_fatal = false"))
	p.Says(logmsg.RenderFailed + ` .*key`)
	if w.Read("tls.crt") != "" || w.Read("tls.key") != "" {
		t.Error("half of a pair was published")
	}
	put(one.Cert, string(one.Key))
	w.has("tls.crt", one.Cert)
	w.has("tls.key", string(one.Key))
	put(other.Cert, string(one.Key))
	p.Says(logmsg.RenderFailed)
	put(other.Cert, string(other.Key))
	w.has("tls.crt", other.Cert)
	w.Pair("tls.crt", "tls.key")
	p.stop()
}

// error_on_missing_key = false means what it means to Vault Agent if it is written.
func TestNoValueIsPublishedIfThatIsWritten(t *testing.T) {
	w := newWorld(t)
	w.Write("silent.tpl", `{{ with secret "secret/data/app" }}{{ .Data.data.absent }}{{ end }}`)
	w.Write("asked.tpl", `{{ with secret "secret/data/app" }}asked {{ .Data.data.absent }}{{ end }}`)
	p := w.start(login + fileTemplate("silent", "error_fatal = false") + fileTemplate("asked", "error_on_missing_key = false\n error_fatal = false"))
	w.has("asked", "asked <no value>")
	p.Says(logmsg.RenderFailed + ` bundle=\S*silent .*silent.tpl:1:44.*no entry for key .*absent.*hint="secret/data/app has the keys password"`)
	if got := w.Read("silent"); got != "" {
		t.Errorf("published %q", got)
	}
	p.stop()
}

// A template that never ends holds up nothing: no other bundle, no start, and no stop.
func TestEndlessTemplateHurtsOnlyItself(t *testing.T) {
	for name, contents := range map[string]string{
		"loop":    `{{ with secret "secret/data/app" }}{{ range loop 3000000000 }}{{ end }}{{ end }}`,
		"numbers": `{{ range 3000000000 }}{{ end }}{{ with secret "secret/data/app" }}{{ end }}`,
		"memory":  `{{ with secret "secret/data/app" }}{{ sprig_repeat 2000000000 "x" }}{{ range sprig_until 200000000 }}{{ end }}{{ end }}`,
		"file":    `{{ file "/dev/zero" }}`,
		"pipe":    `{{ file "DIR/pipe" }}`,
		"plugin":  `{{ plugin "cat" "/dev/zero" }}`,
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.Check(syscall.Mkfifo(w.Path("pipe"), 0o600))
			w.Write("bad.tpl", w.expand(contents))
			w.Write("good.tpl", goodTemplate)
			began := time.Now()
			p := w.start(login + fileTemplate("bad", "error_fatal = false") + fileTemplate("good", ""))
			w.has("good", "password=one")
			if took := time.Since(began); took > 20*time.Second { // with the machine's load
				t.Errorf("the other bundle was published after %v", took)
			}
			began = time.Now()
			p.stop()
			if took := time.Since(began); took > 8*time.Second {
				t.Errorf("stopped after %v", took)
			}
		})
	}
}
