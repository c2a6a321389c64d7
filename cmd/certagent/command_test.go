// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/certagent/certagent/certinfo"
	"github.com/certagent/certagent/internal/harness"
	"github.com/certagent/certagent/logmsg"
)

// webBundle is a bundle with a certificate and a template.
func webBundle(more string) string {
	return `
bundle "web" {
  directory = "DIR/tls"
  certificate {
    role        = "pki/web"
    common_name = "app.example.test"
    ttl         = "1h"
    files       = { cert = "tls.crt", key = "tls.key" }
  }
  template {
    contents    = "{{ with secret \"secret/data/app\" }}password {{ .Data.data.password }} {{ .Data.data.password | base64Encode }}{{ end }}"
    destination = "app.conf"
  }
  ` + more + `
}
`
}

// Commands and checks are told what was published.
func TestVariablesOfCommands(t *testing.T) {
	w := newWorld(t)
	w.script("tell", "env | grep ^CERTAGENT_ > "+w.Path("")+"/$1.new; mv "+w.Path("")+"/$1.new "+w.Path("")+"/$1")
	p := w.start(login + eager + webBundle(`check { command = ["DIR/tell", "check"] }
		command = ["DIR/tell", "change"]`) + password(`command = ["DIR/tell", "template"]`))
	p.SaysTimes(logmsg.ChangeDone, 2)
	serial := certinfo.Serial(w.Leaf("tls/tls.crt"))
	for name, want := range map[string]string{
		"check": `CERTAGENT_BUNDLE=web
			CERTAGENT_DIRECTORY=@/tls
			CERTAGENT_FILES=@/tls/app.conf
			@/tls/tls.crt
			@/tls/tls.key
			CERTAGENT_GENERATION=1
			CERTAGENT_REASON=check
			CERTAGENT_SERIAL=` + serial,
		"change": `CERTAGENT_BUNDLE=web
			CERTAGENT_DIRECTORY=@/tls
			CERTAGENT_FILES=@/tls/app.conf
			@/tls/tls.crt
			@/tls/tls.key
			CERTAGENT_GENERATION=1
			CERTAGENT_REASON=published
			CERTAGENT_SERIAL=` + serial,
		"template": `CERTAGENT_BUNDLE=@/password
			CERTAGENT_DIRECTORY=
			CERTAGENT_FILES=@/password
			CERTAGENT_GENERATION=1
			CERTAGENT_REASON=published
			CERTAGENT_SERIAL=`,
	} {
		var lines []string
		for line := range strings.Lines(strings.ReplaceAll(want, "@", w.Path(""))) {
			if line = strings.TrimSpace(line); strings.HasPrefix(line, "CERTAGENT_") { // grep shows first lines only
				lines = append(lines, line)
			}
		}
		got := slices.DeleteFunc(strings.Fields(w.Read(name)), func(v string) bool { return strings.HasPrefix(v, "CERTAGENT_TEST=") })
		slices.Sort(got)
		if !slices.Equal(got, lines) {
			t.Errorf("%s: got\n%s\nwant\n%s", name, strings.Join(got, "\n"), strings.Join(lines, "\n"))
		}
	}
	p.stop()
}

// A command that serves several bundles is told of all of them, a line for each.
func TestVariablesOfACommandForSeveralBundles(t *testing.T) {
	w := newWorld(t)
	w.script("tell", `printf '%s|' "$CERTAGENT_BUNDLE" "$CERTAGENT_FILES" "$CERTAGENT_GENERATION" "$CERTAGENT_REASON" > DIR/told.new; mv DIR/told.new DIR/told; exit 3`)
	w.script("tell", w.expand(strings.TrimPrefix(w.Read("tell"), "#!/bin/sh\n")))
	var blocks strings.Builder
	for _, name := range []string{"b", "a"} {
		blocks.WriteString(`
template {
  contents    = "{{ with secret \"secret/data/` + name + `\" }}{{ .Data.data.password }}{{ end }}"
  destination = "DIR/` + name + `"
  command     = ["DIR/tell"]
}`)
		w.PutKV(name, map[string]any{"password": "one"})
	}
	p := w.start(login + blocks.String())
	told := func(reason string) string {
		return w.expand("DIR/b\nDIR/a|DIR/b\nDIR/a|1\n1|" + reason + "\n" + reason + "|")
	}
	harness.Eventually(t, "the retry for both", func() bool { return w.Read("told") == told("retry") })
	if status := w.Read("told"); strings.Contains(status, "published\nretry") {
		t.Errorf("got %q", status)
	}
	// Both are owed, and both are done once the command succeeds.
	p.SaysTimes(logmsg.ChangeFailed, 2)
	w.script("tell", "exit 0")
	p.SaysTimes(logmsg.ChangeDone, 2)
	p.stop()
	records, _ := filepath.Glob(w.Path(".certagent-*.json"))
	for _, path := range records {
		text, err := os.ReadFile(path)
		w.Check(err)
		if strings.Contains(string(text), `"owed"`) {
			t.Errorf("%s: a change is still owed", path)
		}
	}
}

// What a command prints of secrets is in no log, at no level, nor in the reason of a
// failure. Of a command that succeeds nothing is logged.
func TestCommandThatPrintsSecrets(t *testing.T) {
	const secret = "correct-horse"
	w := newWorld(t)
	w.PutKV("app", map[string]any{"password": secret})
	w.script("reveal", w.expand(`cat DIR/tls/tls.key DIR/tls/app.conf DIR/token >&2; head -3 DIR/tls/tls.key | tail -1; cat DIR/token; exit $(cat DIR/code)`))
	w.Write("code", "3")
	p := w.start(login+eager+webBundle(`check { command = ["DIR/reveal"] }`), "-log-level=trace")
	p.Says(logmsg.CheckFailed + `.*exit code 3: .*\[redacted\]`)
	w.Write("code", "0")
	p.Says(logmsg.CheckPassed)
	p.stop()
	log := p.String()
	key := w.Read("tls/tls.key")
	token := strings.TrimSpace(w.Read("token"))
	canaries := append(strings.Split(strings.TrimSpace(key), "\n")[1:], secret, base64.StdEncoding.EncodeToString([]byte(secret)), token)
	for _, canary := range canaries {
		if canary = strings.TrimSpace(canary); canary != "" && !strings.HasPrefix(canary, "-----") && strings.Contains(log, canary) {
			t.Errorf("the log shows %q", canary)
		}
	}
	for line := range strings.Lines(log) {
		if strings.Contains(line, logmsg.CommandOutput) && !strings.Contains(line, "DBG") {
			t.Errorf("what a command prints that succeeds is logged: %s", line)
		}
	}
}

// Commands of templates that are published together run one after the other, in the
// order of the file; equal ones once, with the settings of the first.
func TestCommandsRunInOrder(t *testing.T) {
	w := newWorld(t)
	w.script("note", w.expand(`mkdir DIR/running || echo together >> DIR/order; sleep 0.1; echo $1 >> DIR/order; rmdir DIR/running`))
	var blocks strings.Builder
	var want []string
	for _, name := range []string{"g", "a", "f", "b", "e", "c", "d"} {
		w.PutKV("kv-"+name, map[string]any{"v": "1"})
		command := name
		timeout := "30s"
		if name == "c" {
			command, timeout = "a", "10ms" // the first one's settings hold
		} else {
			want = append(want, name)
		}
		blocks.WriteString(`
template {
  contents    = "{{ with secret \"secret/data/kv-` + name + `\" }}{{ .Data.data.v }}{{ end }}"
  destination = "DIR/` + name + `"
  exec {
    command = ["DIR/note", "` + command + `"]
    timeout = "` + timeout + `"
  }
}`)
	}
	p := w.start(login + blocks.String())
	p.SaysTimes(logmsg.ChangeDone, 7)
	p.stop()
	if got := strings.Fields(w.Read("order")); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
