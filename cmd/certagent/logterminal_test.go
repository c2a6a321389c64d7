// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/certagent/certagent/logkey"
	"github.com/certagent/certagent/logmsg"
)

// noon is when the records of these tests are written.
var noon = time.Date(2026, 11, 21, 12, 0, 7, 332e6, time.Local)

// onTerminal returns how a record is written to a terminal.
func onTerminal(width int, colour bool, level slog.Level, message string, args ...any) string {
	var out bytes.Buffer
	h := newTerminalHandler(&out, levelTrace, colour, func() int { return width })
	r := slog.NewRecord(noon, level, message, 0)
	r.Add(args...)
	_ = h.Handle(context.Background(), r) // a buffer takes everything
	return out.String()
}

const (
	longSerial = "3f:a1:5b:c4:8a:76:2c:44:9c:02"
	longPath   = "/tmp/certagent-dev-3151/tls/tls.crt"
)

func TestTerminalForm(t *testing.T) {
	for _, c := range []struct {
		name    string
		level   slog.Level
		message string
		args    []any
		at80    string
		at120   string // "" if it is the same
	}{{
		name: "start", level: slog.LevelInfo, message: logmsg.Starting,
		args: []any{logkey.Version, "v0.1.0", logkey.Files, []string{"agent.hcl", "/etc/certagent/conf.d/once.hcl"}, logkey.Address, "http://127.0.0.1:8200"},
		at80: `12:00:07 INF starting version=v0.1.0 files=agent.hcl,…/conf.d/once.hcl` + "\n" + `    address=http://127.0.0.1:8200`,
	}, {
		name: "login", level: slog.LevelInfo, message: logmsg.LoggedIn,
		args: []any{logkey.Method, "approle", logkey.Expires, noon.Add(time.Hour).Format(time.RFC3339)},
		at80: "12:00:07 INF logged in method=approle expires in 1h",
	}, {
		name: "login for ever", level: slog.LevelInfo, message: logmsg.LoggedIn,
		args: []any{logkey.Method, "token_file", logkey.Expires, "never"},
		at80: "12:00:07 INF logged in method=token_file expires never",
	}, {
		name: "published", level: slog.LevelInfo, message: logmsg.Published,
		args:  []any{logkey.Bundle, longPath, logkey.Generation, 1, logkey.Files, 2, slog.Time(logkey.Expires, noon.Add(51*time.Hour))},
		at80:  "12:00:07 INF published bundle=…/tls/tls.crt generation=1 files=2\n    expires in 2d 3h",
		at120: "12:00:07 INF published bundle=…/tls/tls.crt generation=1 files=2 expires in 2d 3h",
	}, {
		name: "kept", level: slog.LevelInfo, message: logmsg.CertificateKept,
		args: []any{logkey.Bundle, "web", logkey.Serial, longSerial, logkey.Renews, noon.Add(14 * time.Minute), slog.Time(logkey.Expires, noon.Add(-time.Minute))},
		at80: "12:00:07 INF certificate on disk is valid; keeping it bundle=web\n    serial=3f:a1…9c:02 renews in 14m expired 1m ago",
	}, {
		name: "change", level: slog.LevelInfo, message: logmsg.ChangeDone,
		args:  []any{logkey.Bundle, "web", logkey.Mode, "command openssl x509 -noout -subject -enddate -in /tmp/tls.crt", logkey.Duration, 167 * time.Millisecond},
		at80:  `12:00:07 INF change done bundle=web mode="command openssl x509 -noo…" took 167ms`,
		at120: `12:00:07 INF change done bundle=web mode="command openssl x509 -noout -subject -enddate -in /tmp/tls.…" took 167ms`,
	}, {
		name: "failure", level: slog.LevelError, message: logmsg.ChangeFailed,
		args: []any{
			logkey.Mode, "command nginx -s reload", logkey.Attempt, 8, logkey.LeftOut, 3, logkey.Retry, 14200 * time.Millisecond,
			logkey.Hint, `check "nginx"`, logkey.Output, "nginx: invalid PID", logkey.Error, errors.New(`command "nginx -s reload": exit code 1`), logkey.Bundle, "web",
		},
		at80: `12:00:07 ERR change failed; retrying bundle=web error="command 'nginx -s` + "\n" + `    reload': exit code 1" output="nginx: invalid PID" mode="command nginx -s` + "\n" + `    reload" attempt=8 left_out=3 retry in 14s hint="check 'nginx'"`,
	}, {
		name: "escape sequences", level: slog.LevelWarn, message: logmsg.LibraryMessage,
		args: []any{logkey.Text, "\x1b[2J\a\u202eevil"},
		at80: `12:00:07 WRN library message text=\x1b[2J\a\u202eevil`,
	}, {
		name: "several lines", level: slog.LevelError, message: logmsg.ReloadRefused,
		args: []any{logkey.Error, errors.New("web.hcl:6:1: template: has neither source nor contents\n    template {\n  hint: give one of them")},
		at80: "12:00:07 ERR " + logmsg.ReloadRefused + " error:\n" +
			"    web.hcl:6:1: template: has neither source nor contents\n        template {\n      hint: give one of them",
	}, {
		name: "no attribute", level: levelTrace, message: logmsg.SecretFetched, args: []any{slog.Attr{}},
		at80: "12:00:07 TRC " + logmsg.SecretFetched,
	}} {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.at80+"\n", onTerminal(80, false, c.level, c.message, c.args...)); diff != "" {
				t.Errorf("80 columns (-want +got):\n%s", diff)
			}
			if c.at120 == "" {
				return
			}
			if diff := cmp.Diff(c.at120+"\n", onTerminal(120, false, c.level, c.message, c.args...)); diff != "" {
				t.Errorf("120 columns (-want +got):\n%s", diff)
			}
		})
	}
}

// What an operator of a healthy agent sees fits a line each.
func TestUsualLinesFit80Columns(t *testing.T) {
	for _, line := range []string{
		onTerminal(80, true, slog.LevelInfo, logmsg.LoggedIn, logkey.Method, "kubernetes", logkey.Expires, noon.Add(768*time.Hour).Format(time.RFC3339)),
		onTerminal(80, true, slog.LevelInfo, logmsg.Published, logkey.Bundle, longPath, logkey.Generation, 10, logkey.Files, 3, slog.Time(logkey.Expires, noon.Add(20*time.Second))),
		onTerminal(80, true, slog.LevelInfo, logmsg.Issued, logkey.Bundle, "web", logkey.Serial, longSerial, slog.Time(logkey.Expires, noon.Add(72*time.Hour))),
		onTerminal(80, true, slog.LevelInfo, logmsg.ChangeDone, logkey.Bundle, "web", logkey.Mode, "SIGHUP to /run/nginx.pid", logkey.Duration, 1234*time.Millisecond),
	} {
		plain := uncoloured.Replace(strings.TrimSuffix(line, "\n"))
		if n := utf8.RuneCountInString(plain); n > 80 {
			t.Errorf("%d columns: %s", n, plain)
		}
	}
}

var uncoloured = strings.NewReplacer(faint, "", red, "", yellow, "", green, "", reset, "")

func TestTerminalColours(t *testing.T) {
	args := []any{logkey.Bundle, "web"}
	coloured := onTerminal(80, true, slog.LevelError, logmsg.CheckFailed, args...)
	if want := faint + "12:00:07" + reset + " " + red + "ERR" + reset + " check failed " + faint + "bundle=" + reset + "web\n"; coloured != want {
		t.Errorf("got %q, want %q", coloured, want)
	}
	if plain := onTerminal(80, false, slog.LevelError, logmsg.CheckFailed, args...); plain != uncoloured.Replace(coloured) {
		t.Errorf("without colours: %q", plain)
	}
}

func TestTerminalHandlerKeepsItsAttributes(t *testing.T) {
	var out bytes.Buffer
	log := slog.New(newTerminalHandler(&out, slog.LevelInfo, false, func() int { return 80 }))
	web := log.With(logkey.Bundle, "web")
	web.With(logkey.Mode, "signal").Info(logmsg.ChangeDone)
	web.Info(logmsg.Published)
	log.Debug(logmsg.CheckPassed)
	lines := strings.Split(out.String(), "\n")
	if len(lines) != 3 || !strings.HasSuffix(lines[0], " change done bundle=web mode=signal") || !strings.HasSuffix(lines[1], " published bundle=web") {
		t.Errorf("%q", lines)
	}
}

func TestPeriod(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0s", 1234 * time.Microsecond: "1ms", 1234 * time.Millisecond: "1.2s", 14400 * time.Millisecond: "14s",
		59900 * time.Millisecond: "1m", 90 * time.Second: "1m 30s", 5 * time.Minute: "5m", 14*time.Minute + 5*time.Second: "14m",
		time.Hour - time.Second: "1h", time.Hour: "1h", 24*time.Hour - 10*time.Second: "1d", 26 * time.Hour: "1d 2h", 51 * time.Hour: "2d 3h", 32 * 24 * time.Hour: "32d",
	} {
		if got := period(d); got != want {
			t.Errorf("%v: %q, want %q", d, got, want)
		}
	}
}

func TestShortPath(t *testing.T) {
	for _, c := range []struct {
		path string
		n    int
		want string
	}{
		{"web", 1, "web"},
		{"tls/tls.crt", 20, "tls/tls.crt"},
		{longPath, 20, "…/tls/tls.crt"},
		{longPath, 35, longPath},
		{longPath, 34, "…/certagent-dev-3151/tls/tls.crt"},
		{longPath, 5, "…/tls.crt"},
	} {
		if got := shortPath(c.path, c.n); got != c.want {
			t.Errorf("%q in %d columns: %q, want %q", c.path, c.n, got, c.want)
		}
	}
}
