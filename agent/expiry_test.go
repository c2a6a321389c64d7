// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package agent_test

import (
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/certagent/certagent/agent"
	"github.com/certagent/certagent/agent/status"
	"github.com/certagent/certagent/logmsg"
)

// ends waits until the certificate in the file has been over for d.
func (w *world) ends(name string, d time.Duration) {
	w.Helper()
	for end := w.Leaf(name).NotAfter.Add(d); time.Now().Before(end); {
		time.Sleep(time.Until(end) + time.Millisecond)
	}
}

// An end that comes while something keeps the certificate from being replaced is
// announced, told when it comes, and told each hour, with the reason and since when.
func TestExpiryIsTold(t *testing.T) {
	const pair = `
template {
  contents    = "{{ with %s \"pki/issue/web\" \"common_name=example.test\" \"ttl=60s\" }}%s{{ end }}"
  destination = "DIR/tls/tls.crt"
}`
	for name, c := range map[string]struct {
		text    string
		trouble func(w *world)
		because string
	}{
		"a bundle, Vault is sealed": {webBundle(`ttl = "60s"`, ""), func(w *world) { w.Dev.Seal() }, "issuing fails: .*sealed"},
		"pkiCert, Vault is sealed": {strings.NewReplacer("%s{{", "{{ .Cert }}{{ .Key }}{{", "%s", "pkiCert").Replace(pair),
			func(w *world) { w.Dev.Seal() }, "fetching from Vault fails: .*sealed"},
		"secret, Vault is sealed": {strings.NewReplacer("%s{{", "{{ .Data.certificate }}\\n{{ .Data.private_key }}{{", "%s", "secret").Replace(pair),
			func(w *world) { w.Dev.Seal() }, "fetching from Vault fails: .*sealed"},
		"pkiCert in another form, Vault is sealed": {strings.NewReplacer("%s{{", "{{ .Cert | base64Encode }}{{", "%s", "pkiCert").Replace(strings.Replace(pair, "tls.crt", "cert.b64", 1)),
			func(w *world) { w.Dev.Seal() }, "fetching from Vault fails: .*sealed"},
		"the check refuses": {webBundle(`ttl = "60s"`, `check { command = ["sh", "-c", "test -e DIR/sound || { echo unknown directive >&2; exit 1; }"] }`),
			func(w *world) { _ = os.Remove(w.Path("sound")) }, `the check refuses its successor: .*exit code 1: unknown directive`},
		"the change fails": {webBundle(`ttl = "60s"`, `change_mode = "command"
  command = ["test", "-e", "DIR/sound"]`), func(w *world) { _ = os.Remove(w.Path("sound")) }, "the change after the new files failed: .*exit code 1"},
		"the change waits": {webBundle(`ttl = "60s"`, `change_mode = "command"
  command      = ["true"]
  min_interval = "3h"`), func(*world) {}, "the change after the new files is pending"},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, w *world) {
				w.Write("sound", "")
				r := w.start(loginBlocks + c.text)
				r.Says("msg=" + logmsg.Published)
				r.Says(logmsg.AllPublished)
				if strings.Contains(c.text, "change_mode") {
					r.Says(logmsg.ChangeDone)
				}
				if text, err := base64.StdEncoding.DecodeString(w.Read("tls/cert.b64")); err == nil && len(text) > 0 {
					w.Write("tls/tls.crt", string(text))
				}
				first := w.Leaf("tls/tls.crt")
				c.trouble(w)
				time.Sleep(time.Until(first.NotAfter) + 30*time.Second)
				expired := `level=ERROR msg="` + logmsg.Expired + `" bundle=.* serial=.* expired=` + first.NotAfter.Format("2006-01-02T15:04:05") + `.* since=.* because=".*` + c.because
				if got := r.Count(expired); got != 1 {
					t.Errorf("it is told %d times that the certificate has ended: want %s", got, expired)
				}
				if got := r.Count(`level=WARN msg="` + logmsg.Expiring + `" .* left=.*s since=.* because=".*` + c.because); got != 3 && name != "the change waits" {
					t.Errorf("%d warnings before, want 3", got)
				}
				time.Sleep(time.Hour)
				if got := r.Count(`level=ERROR msg="` + logmsg.Expired + `" .* since=.* because=`); got != 2 {
					t.Errorf("told %d times in an hour and a half a minute", got)
				}
				if got := r.Count(logmsg.ExpiredReplaced); got != 0 {
					t.Errorf("told %d times that it is not in use", got)
				}
				w.Dev.Unseal()
				w.Write("sound", "")
				if name != "the change waits" {
					r.Says(logmsg.ExpiredReplaced)
				}
				r.end()
			})
		})
	}
}

// A renewal in time is no trouble, however short the lifetime is.
func TestNothingIsToldOfRenewalsInTime(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		r := w.start(loginBlocks + webBundle(`ttl = "4s"`, ""))
		r.SaysTimes("msg="+logmsg.Published, 20)
		r.end()
		if r.Count(logmsg.Expired) > 0 || r.Count(logmsg.Expiring) > 0 {
			t.Error("an end is told of")
		}
	})
}

// A certificate that had expired before the start is told of at once, and because is what
// is awaited then.
func TestExpiredAtTheStart(t *testing.T) {
	for name, c := range map[string]struct {
		vault   func(w *world)
		because string
	}{
		"Vault does not answer": {func(w *world) {
			w.Dev.Intercept(func(_ http.ResponseWriter, r *http.Request) bool {
				_, _ = io.Copy(io.Discard, r.Body) // or the end of the connection is not noticed
				<-r.Context().Done()
				return true
			})
		}, "not logged in yet"},
		"Vault is sealed": {func(w *world) { w.Dev.Seal() }, "not logged in"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			text := loginBlocks + webBundle(`ttl = "2s"`, "")
			r := w.start(text)
			r.Says("msg=" + logmsg.Published)
			r.end()
			w.ends("tls/tls.crt", 10*time.Millisecond)
			c.vault(w)
			r = w.start(text)
			r.Says(`level=ERROR msg="` + logmsg.Expired)
			if r.Count(`level=ERROR msg="`+logmsg.Expired+`" .* because="`+c.because) != 1 {
				t.Errorf("because is not %q:\n%s", c.because, r)
			}
			r.end()
		})
	}
}

// A bundle that is busy does not look at the clock: the end is told of all the same.
func TestExpiryIsToldDuringACommand(t *testing.T) {
	for name, keys := range map[string]string{
		"change": `change_mode = "command"
  command = ["sleep", "600"]`,
		"check": `check {
    timeout = "4h"
    command = ["sleep", "600"]
  }`,
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			r := w.start(loginBlocks + webBundle(`ttl = "3s"`, keys))
			r.Says("msg=" + logmsg.Published)
			end := w.Leaf("tls/tls.crt").NotAfter
			r.Says(`level=ERROR msg="` + logmsg.Expired + `" .*the bundle has been at the step (react|check) for `)
			if late := time.Since(end); late > 10*time.Second {
				t.Errorf("told %s late", late)
			}
			r.end()
		})
	}
}

// What has expired is not ready: nobody is told that everything is published, no child
// starts and a one-shot run does not end, whatever keeps it from being replaced.
func TestExpiredIsNotReady(t *testing.T) {
	for name, trouble := range map[string]func(w *world){
		"Vault is sealed":         func(w *world) { w.Dev.Seal() },
		"the login is refused":    func(w *world) { w.Write("secretid", "11111111-2222-3333-4444-555555555555") },
		"the role does not exist": func(w *world) { w.delete("pki/roles/web") },
		"the check refuses":       func(w *world) { _ = os.Remove(w.Path("sound")) },
	} {
		for form, block := range map[string]string{
			"bundle": webBundle(`ttl = "20s"`, `check { command = ["test", "-e", "DIR/sound"] }`),
			"template": `
bundle "web" {
  directory = "DIR/tls"
  template {
    contents    = "{{ with pkiCert \"pki/issue/web\" \"common_name=example.test\" \"ttl=20s\" }}{{ .Cert }}{{ .CA }}{{ .Key }}{{ end }}"
    destination = "tls.crt"
  }
  check { command = ["test", "-e", "DIR/sound"] }
}`,
		} {
			t.Run(form+", "+name, func(t *testing.T) {
				inBubble(t, func(t *testing.T, w *world) {
					w.Write("sound", "")
					r := w.start(loginBlocks + block)
					r.Says(logmsg.AllPublished)
					r.end()
					secretID := w.Read("secretid")
					trouble(w)
					w.ends("tls/tls.crt", time.Second)
					ready := false
					r = w.start(loginBlocks+block+"exit_after_auth = true", func(a *agent.Agent) { a.Ready = func() { ready = true } })
					r.Says(`level=ERROR msg="` + logmsg.Expired)
					time.Sleep(2 * time.Minute)
					if isClosed(r.ended) || ready || r.Count(logmsg.AllPublished) > 0 || r.Count(logmsg.Verified) > 0 {
						t.Errorf("ended %v, ready %v, said %d times that all is published", isClosed(r.ended), ready, r.Count(logmsg.AllPublished))
					}
					w.Dev.Unseal()
					w.Write("sound", "")
					w.Write("secretid", secretID)
					w.put("pki/roles/web", "allow_any_name=true", "enforce_hostnames=false", "key_type=ec", "key_bits=256", "ttl=1h", "max_ttl=24h")
					if err := r.wait(); err != nil || !ready {
						t.Errorf("after the repair: %v, ready %v", err, ready)
					}
					if end := w.Leaf("tls/tls.crt").NotAfter; time.Now().After(end) {
						t.Error("it has ended with an expired certificate")
					}
				})
			})
		}
	}
}

// After an outage and a repaired check, the certificate that waited for the check has
// expired: it is not published, and no change runs for it.
func TestExpiredIsNotPublished(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.Write("sound", "")
		r := w.start(loginBlocks + webBundle(`ttl = "60s"`, `change_mode = "command"
  command = ["sh", "-c", "echo changed >> DIR/changes"]
  check { command = ["test", "-e", "DIR/sound"] }`))
		r.Says(logmsg.ChangeDone)
		_ = os.Remove(w.Path("sound"))
		r.Says(logmsg.RolledBack)
		w.Dev.Seal()
		time.Sleep(5 * time.Minute)
		changes, published, rolledBack := w.Read("changes"), r.Count("msg="+logmsg.Published+" "), r.Count(logmsg.RolledBack)
		w.Write("sound", "")
		time.Sleep(20 * time.Minute)
		if w.Read("changes") != changes || r.Count("msg="+logmsg.Published+" ") != published || r.Count(logmsg.RolledBack) != rolledBack {
			t.Error("a certificate that has expired was published")
		}
		w.Dev.Unseal()
		w.Eventually("a valid one", func() bool { return time.Now().Before(w.Leaf("tls/tls.crt").NotAfter) })
		w.Eventually("its change", func() bool { return w.Read("changes") != changes })
		r.end()
	})
}

// STATUS tells of the end, and of the next attempt.
func TestStatusOfWhatHasExpired(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		h := w.startHandled(loginBlocks + webBundle(`ttl = "60s"`, ""))
		h.becomes("published", func(s status.Agent) bool { return s.Ready && bundleNamed(s, "web").Published })
		w.Dev.Seal()
		w.ends("tls/tls.crt", 2*time.Minute)
		s := h.Status()
		line := s.Line(time.Now())
		if !strings.HasPrefix(line, "0 of 1 bundle published; expired: web; ") && !strings.HasPrefix(line, "waiting for Vault: 0 of 1 bundle published; expired: web; ") {
			t.Errorf("the status is %q", line)
		}
		if b := bundleNamed(s, "web"); !strings.Contains(line, "renewal overdue since ") || b.Tries.IsZero() != !strings.Contains(line, "next attempt") {
			t.Errorf("the status is %q, the next attempt at %v", line, b.Tries)
		}
		h.end()
	})
}

func (w *world) delete(path string) {
	w.Helper()
	_, err := w.Client.Logical().Delete(path)
	w.Check(err)
}

// A target that is not there may be running all the same, with another pid file than
// the configured one: that the certificate which it read has ended is said, once.
func TestExpiryOfWhatNobodyWasToldOf(t *testing.T) {
	w := newWorld(t)
	r := w.start(loginBlocks + webBundle(`ttl = "3s"`, `change_mode = "signal"
  pid_file    = "DIR/absent.pid"`))
	r.Says(`level=ERROR msg="` + logmsg.ExpiredUntold + `" bundle=web serial=.* because="the target of the change is not there: .*absent.pid`)
	r.end()
	if r.Count(logmsg.Expired+`"`) > 0 {
		t.Error("it is said to be in use")
	}
}

// TestExpiryWhileAChangeIsHeld: the line names what holds the change.
func TestExpiryWhileAChangeIsHeld(t *testing.T) {
	w := newWorld(t)
	target := exec.Command("sleep", "60")
	if err := target.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = target.Process.Kill(); _ = target.Wait() })
	text := func(names string) string {
		return loginBlocks + webBundle(`ttl = "8s"`+names, `change_mode   = "signal"
  change_signal = "SIGUSR1"
  pid_file      = "DIR/target.pid"`)
	}
	first := w.start(text(""))
	first.Says(logmsg.AllPublished)
	first.end()
	w.Write("target.pid", fmt.Sprintln(target.Process.Pid))
	r := w.start(text(`
    alt_names = ["www.example.test"]`))
	r.Says(`level=ERROR msg="` + logmsg.Expired + `" bundle=web serial=.* because="the change after the new files is pending: .*does not catch SIGUSR1`)
	r.end()
}
