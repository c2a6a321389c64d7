// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package agent_test

import (
	"crypto/tls"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/certagent/certagent/agent"
	"github.com/certagent/certagent/internal/harness"
	"github.com/certagent/certagent/logmsg"
)

// serveStubbornly is a TLS server that reads its certificate when it starts, and
// never again: SIGHUP does nothing. The test binary is it, if it is called with
// "serve", an address, a certificate and a key.
func serveStubbornly(args []string) error {
	signal.Ignore(syscall.SIGHUP)
	pair, err := tls.LoadX509KeyPair(args[1], args[2])
	if err != nil {
		return err
	}
	listener, err := tls.Listen("tcp", args[0], &tls.Config{Certificates: []tls.Certificate{pair}})
	if err != nil {
		return err
	}
	return http.Serve(listener, http.NotFoundHandler())
}

// stubborn is the configuration of such a server as the child.
func (w *world) stubborn(address, names, fallback string) string {
	return loginBlocks + webBundle(names, fmt.Sprintf(`change_mode = "signal"
  verify {
    address     = %q
    server_name = "example.test"
    timeout     = "1s"
    %s
  }`, address, fallback)) + fmt.Sprintf(`
exec {
  command             = [%q, "serve", %q, "DIR/tls/tls.crt", "DIR/tls/tls.key"]
  restart_stop_signal = "SIGTERM"
}`, os.Args[0], address)
}

func TestServedOldFallsBackToARestart(t *testing.T) {
	w := newWorld(t)
	address := harness.FreeAddress(t)
	r := w.start(w.stubborn(address, `ttl = "1h"`, `fallback { change_mode = "restart" }`))
	r.Says(logmsg.Verified)
	r.end()

	other := w.stubborn(address, `alt_names = ["www.example.test"]`, `fallback { change_mode = "restart" }`)
	r = w.start(other)
	// The child that starts reads the new files. The next generation is what it ignores.
	r.Says(logmsg.Verified)
	if got := r.Count("outcome=served_old"); got != 0 {
		t.Errorf("served_old %d times for a child that has just started", got)
	}
	r.end()

	reloaded := w.startReloading(other)
	r = reloaded.running
	r.Says(logmsg.Verified)
	w.Check(reloaded.reload(w.stubborn(address, `alt_names = ["mail.example.test"]`, `fallback { change_mode = "restart" }`)))
	r.Says("outcome=served_old")
	r.Says(`remedy="change again"`)
	r.Says(`remedy="fall back"`)
	r.Says(`mode="restart of the child"`)
	w.Eventually("the second verification", func() bool { return r.Count(logmsg.Verified) >= 2 })
	log := r.String()
	r.end()
	for _, order := range [][2]string{
		{`mode="SIGHUP to the child"`, "outcome=served_old"},
		{`remedy="change again"`, `remedy="fall back"`},
		{`remedy="fall back"`, `mode="restart of the child"`},
	} {
		if strings.Index(log, order[0]) > strings.Index(log, order[1]) {
			t.Errorf("%s comes after %s", order[0], order[1])
		}
	}
}

// A server that runs, as the handshake shows, and whose pid file does not exist: nobody
// could be told, which is an error; then the fallback runs.
func TestServedOldByAServerThatNobodyCouldTell(t *testing.T) {
	w := newWorld(t)
	address := harness.FreeAddress(t)
	first := w.start(loginBlocks + webBundle("", ""))
	first.Says(logmsg.AllPublished)
	first.end()
	old, err := tls.LoadX509KeyPair(w.Path("tls/tls.crt"), w.Path("tls/tls.key"))
	w.Check(err)
	listener, err := tls.Listen("tcp", address, &tls.Config{GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
		if _, err := os.Stat(w.Path("restarted")); err != nil {
			return &old, nil
		}
		pair, err := tls.LoadX509KeyPair(w.Path("tls/tls.crt"), w.Path("tls/tls.key"))
		return &pair, err
	}})
	w.Check(err)
	server := &http.Server{ReadHeaderTimeout: time.Minute}
	done := make(chan error)
	go func() { done <- server.Serve(listener) }()
	defer func() { server.Close(); <-done }()

	r := w.start(loginBlocks + webBundle(`alt_names = ["www.example.test"]`, fmt.Sprintf(`change_mode = "signal"
  pid_file = "DIR/ngnix.pid"
  verify {
    address     = %q
    server_name = "example.test"
    timeout     = "1s"
    fallback {
      command = ["touch", "DIR/restarted"]
    }
  }`, address)))
	r.Says(`level=WARN msg="` + logmsg.NobodyTold)
	r.Says(`level=ERROR msg="` + logmsg.ServedUntold + `" bundle=web address=` + address + ` error="pid file `)
	r.Says(`remedy="fall back"`)
	r.Says(logmsg.Verified)
	r.end()
}

// A server that is restarted with its old certificate, or was never reloaded, is
// found out when the agent starts.
func TestServedOldIsNoticedAtTheStart(t *testing.T) {
	w := newWorld(t)
	address := harness.FreeAddress(t)
	first := w.start(loginBlocks + webBundle("", ""))
	first.Says(logmsg.AllPublished)
	first.end()
	old, err := tls.LoadX509KeyPair(w.Path("tls/tls.crt"), w.Path("tls/tls.key"))
	if err != nil {
		t.Fatal(err)
	}
	listener, err := tls.Listen("tcp", address, &tls.Config{GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
		if _, err := os.Stat(w.Path("reloaded")); err != nil {
			return &old, nil
		}
		pair, err := tls.LoadX509KeyPair(w.Path("tls/tls.crt"), w.Path("tls/tls.key"))
		return &pair, err
	}})
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{ReadHeaderTimeout: time.Minute}
	done := make(chan error)
	go func() { done <- server.Serve(listener) }()
	defer func() { server.Close(); <-done }()

	second := w.start(loginBlocks + webBundle(`alt_names = ["www.example.test"]`, "")) // nobody reloads the server
	second.Says(logmsg.AllPublished)
	second.end()
	third := w.start(loginBlocks + webBundle(`alt_names = ["www.example.test"]`, fmt.Sprintf(`change_mode = "command"
  command     = ["sh", "-c", "echo yes > DIR/reloaded"]
  verify {
    address     = %q
    server_name = "example.test"
    timeout     = "1s"
  }`, address)))
	third.Says("outcome=served_old")
	third.Says(logmsg.Verified)
	third.end()
	if got := w.signed(); got != 2 {
		t.Errorf("%d certificates, want 2", got)
	}
}

// Before anything was ever published there is nothing to be served, and no reason
// to complain.
func TestNothingIsVerifiedBeforeItIsPublished(t *testing.T) {
	w := newWorld(t)
	address := harness.FreeAddress(t)
	r := w.start(w.stubborn(address, "", ""))
	r.Says(logmsg.Verified)
	r.end()
	if log := r.String(); strings.Contains(log, logmsg.ProbeFailed) {
		t.Errorf("it was looked for too early:\n%s", log)
	}
}

// On the first boot the consumer starts only after the agent is ready, and until
// then its reload fails.
func TestReadyThoughNobodyServesYet(t *testing.T) {
	for name, change := range map[string]string{
		"a failing command":       `change_mode = "command", command = ["false"]`,
		"a target that is not up": `change_mode = "signal", pid_file = "DIR/absent.pid"`,
		"no change":               `change_mode = "noop"`,
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			ready := make(chan struct{})
			r := w.start(loginBlocks+webBundle("", strings.ReplaceAll(change, ", ", "\n  ")+fmt.Sprintf(`
  verify {
    address = %q
    timeout = "10m"
  }`, harness.FreeAddress(t))), func(a *agent.Agent) { a.Ready = func() { close(ready) } })
			select {
			case <-ready:
			case <-time.After(30 * time.Second):
				t.Error("never ready")
			}
			r.end()
		})
	}
}

// Bundles whose target is not there look for it at a slow pace, also if it is that of
// several: a loop that did not rest would stop the clock of the bubble.
func TestLooksForATargetAtASlowPace(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		change := "change_mode = \"signal\"\n  pid_file = \"DIR/absent.pid\""
		r := w.start(loginBlocks + webBundle("", change) + strings.ReplaceAll(strings.ReplaceAll(webBundle("", change), `"web"`, `"other"`), "DIR/tls", "DIR/other"))
		w.Eventually("both wait", func() bool { return r.Count(logmsg.NobodyTold) == 2 })
		time.Sleep(10 * time.Minute)
		r.end()
		if got := r.Count(logmsg.NobodyTold) + r.Count(logmsg.ChangeWaits); got != 2 {
			t.Errorf("%d lines about it, want one for each bundle", got)
		}
	})
}

// A verify that takes long holds nothing up.
func TestVerifyHoldsNothingUp(t *testing.T) {
	inBubble(t, func(_ *testing.T, w *world) {
		r := w.start(loginBlocks + webBundle(`ttl = "4s"`, fmt.Sprintf(`verify {
    address = %q
    timeout = "10m"
  }`, harness.FreeAddress(t))))
		w.Eventually("three generations", func() bool { return r.Count("msg="+logmsg.Published) >= 3 })
		r.end()
	})
}
