// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"regexp"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/certagent/certagent/logkey"
	"github.com/certagent/certagent/logmsg"
)

// hostile has what a terminal could take for a command: C0 and C1 controls, the latter
// as characters and as single bytes, DEL, and characters that change the direction of
// the text or are not seen.
const hostile = "a\x1b]0;title\a\x1b[2J\rb\bc\x7fd\u009b31me\x9b31mf\x90g\u202eh\u2066i\u200bj\u2028k\ufeffl\x00m\u0085n"

// unsafe returns the first character of a text that a terminal should not get; "" if
// there is none.
func unsafe(text string) string {
	if !utf8.ValidString(text) {
		return fmt.Sprintf("an invalid byte in %q", text)
	}
	for _, r := range text {
		if !unicode.IsPrint(r) && r != '\n' && r != '\t' {
			return fmt.Sprintf("%q", r)
		}
	}
	return ""
}

// Whatever the form of the log, none of it reaches a terminal.
func TestLogHasNoControlCharacters(t *testing.T) {
	for name, handler := range map[string]func(b *bytes.Buffer) slog.Handler{
		"terminal": func(b *bytes.Buffer) slog.Handler {
			return newTerminalHandler(b, levelTrace, false, func() int { return 80 })
		},
		"standard": func(b *bytes.Buffer) slog.Handler { return newHandler("standard", levelTrace, b) },
		"json":     func(b *bytes.Buffer) slog.Handler { return newHandler("json", levelTrace, b) },
	} {
		var b bytes.Buffer
		log := slog.New(handler(&b)).With(logkey.Bundle, hostile)
		log.Error(logmsg.ChangeFailed, logkey.Error, errors.New(hostile), logkey.Output, "one\n"+hostile+"\n", logkey.Files, []string{hostile},
			logkey.Command, hostile, logkey.Hint, hostile)
		bridge{log}.Write([]byte("[INFO] " + hostile))
		if found := unsafe(b.String()); found != "" {
			t.Errorf("%s: the log has %s:\n%q", name, found, b.String())
		}
		if !strings.Contains(b.String(), "title") {
			t.Errorf("%s: the text is missing:\n%s", name, b.String())
		}
	}
}

// Escaping changes nothing of what a reader of the JSON log gets.
func TestJSONLogKeepsItsValues(t *testing.T) {
	var b bytes.Buffer
	const text = "a\x1b\u009b\x7f\u202e\"\\ü€😀"
	slog.New(newHandler("json", levelTrace, &b)).Info(logmsg.Published, logkey.Text, text)
	var line map[string]any
	if err := json.Unmarshal(b.Bytes(), &line); err != nil || line[logkey.Text] != text {
		t.Errorf("%q, %v", line[logkey.Text], err)
	}
	if !strings.Contains(b.String(), "ü€😀") {
		t.Errorf("characters that can be printed are escaped: %s", b.String())
	}
}

// What systemd shows has none either.
func TestStatusHasNoControlCharacters(t *testing.T) {
	if got := oneLine(hostile); unsafe(got) != "" || strings.Contains(got, "\n") {
		t.Errorf("%q", got)
	}
}

// Nothing that a subcommand prints passes on what stands in a file, a name or a flag.
func TestSubcommandsPrintNoControlCharacters(t *testing.T) {
	w := newWorld(t)
	name := strings.ReplaceAll(hostile, "\x00", "")
	inFile := strings.NewReplacer("\x00", "", "\r", "", "\x9b", "", "\x90", "").Replace(hostile) // or it cannot be parsed
	w.Write("broken.hcl", login+"templte \"x\" { # "+name+"\n}\n")
	w.Write("valid.hcl", w.expand(login)+`
bundle "`+strings.ReplaceAll(inFile, "\x1b", `\u001b`)+`" {
  directory = "`+w.Path("dir-"+"\u202e"+"\u009b")+`"
  certificate {
    role        = "pki/web"
    common_name = "example.test"
    files       = { cert = "tls.crt", key = "tls.key" }
  }
}
`)
	hostileDir := w.Path(name)
	w.Write(name, "")
	for _, args := range [][]string{
		{"validate", "-config=" + w.Path("broken.hcl")},
		{"validate", "-host", "-config=" + w.Path("valid.hcl")},
		{"validate", "-config=" + hostileDir + ".none"},
		{"validate", "-" + name},
		{"wait", "-timeout=0", "-config=" + w.Path("valid.hcl")},
		{"wait", "-config=" + w.Path("broken.hcl")},
		{"agent", "-config=" + w.Path("broken.hcl")},
		{"agent", "-config=" + w.Path("valid.hcl"), "-log-file=" + hostileDir + "/none", "-log-level=" + name},
		{"agent", "-test-verify-only", "-config=" + w.Path("broken.hcl")},
		{"dev", "-listen=127.0.0.1:0", "-dir=" + hostileDir},
		{"dev", "-listen=" + name},
		{name},
	} {
		p := launch(t, w.Path(""), nil, args...)
		<-p.Ended()
		if found := unsafe(p.String()); found != "" || p.String() == "" {
			t.Errorf("%q prints %s:\n%q", args, found, p.String())
		}
	}
	if text := w.Read("broken.hcl"); !regexp.MustCompile("\x1b").MatchString(text) {
		t.Error("the file has no escape sequence")
	}
	_ = os.Remove(hostileDir)
}
