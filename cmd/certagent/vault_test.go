// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/certagent/certagent/internal/harness"
	"github.com/certagent/certagent/logmsg"
)

// outage is something wrong with the server: begin brings it about, and end
// heals it.
type outage struct {
	name string
	// answer, if not nil, answers requests in the server's place.
	answer http.HandlerFunc
	begin  func(w *world)
	end    func(w *world)

	login []string // what is said when no login is possible, patterns
	renew []string // what is said when no secret can be renewed
}

func answers(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

var outages = []outage{
	{
		name:  "sealed",
		begin: func(w *world) { w.Dev.Seal() },
		end:   func(w *world) { w.Dev.Unseal() },
		login: []string{`Vault is sealed`, `hint="unseal Vault"`},
		renew: []string{`Vault is sealed`},
	}, {
		name:   "standby without an active node",
		answer: answers(500, `{"errors":["local node not active but active cluster node not found"]}`),
		login:  []string{`local node not active but active cluster node not found`},
		renew:  []string{`local node not active but active cluster node not found`},
	}, {
		name:   "standby by status",
		answer: answers(473, `{"errors":["performance standby"]}`),
		login:  []string{`status 473`},
		renew:  []string{`Vault answered 473`},
	}, {
		name:   "uninitialised",
		answer: answers(501, `{"errors":["Vault is not initialized"]}`),
		login:  []string{`Vault is not initialized`, `hint="initialise Vault"`},
		renew:  []string{`Vault is not initialized`},
	}, {
		name:   "forbidden",
		answer: answers(403, `{"errors":["1 error occurred:\n\t* permission denied\n\n"]}`),
		login:  []string{`permission denied`},
		renew:  []string{`permission denied`, `hint="the token's policies must allow`},
	}, {
		name:   "rate limited",
		answer: answers(429, `{"errors":["request path \"x\": rate limit quota exceeded"]}`),
		login:  []string{`rate limit quota exceeded`},
		renew:  []string{`rate limit quota exceeded`},
	}, {
		name:   "internal error",
		answer: answers(500, `{"errors":["internal error"]}`),
		login:  []string{`internal error`},
		renew:  []string{`internal error`},
	}, {
		name:   "HTML of somebody else",
		answer: answers(200, `<!DOCTYPE html><title>It works!</title>`),
		login:  []string{`hint="check the address`},
		renew:  []string{`hint="check the address: a proxy or another server may be answering there`},
	}, {
		name:   "HTML of a proxy",
		answer: answers(502, `<html><h1>502 Bad Gateway</h1></html>`),
		login:  []string{`status 502`},
		renew:  []string{`answered 502`},
	}, {
		name:   "half an answer",
		answer: answers(200, `{"request_id":"x","data":{"certificate":"-----BEG`),
		login:  []string{`reading the server's answer: unexpected EOF`},
		renew:  []string{`unexpected EOF`},
	}, {
		name:   "an answer without its fields",
		answer: answers(200, `{"request_id":"x","data":{"serial_number":"1"}}`),
		login:  []string{logmsg.LoginFailed},
		renew:  []string{`certificate`},
	}, {
		name:   "no answer at all",
		answer: func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		login:  []string{`no complete answer in time`},
		renew:  []string{`deadline exceeded|no .*answer in time`},
	}, {
		name:   "the connection breaks off",
		answer: func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		login:  []string{`EOF`},
		renew:  []string{`EOF`},
	},
}

// start brings the outage about and returns the number of requests that have
// met it.
func (o outage) start(w *world) (met func() int) {
	if o.begin != nil {
		o.begin(w)
		before := len(w.Dev.Requests())
		return func() int { return len(w.Dev.Requests()) - before }
	}
	var n atomic.Int64
	w.Dev.Intercept(func(rw http.ResponseWriter, r *http.Request) bool {
		n.Add(1)
		_, _ = io.Copy(io.Discard, r.Body)
		o.answer(rw, r)
		return true
	})
	return func() int { return int(n.Load()) }
}

func (o outage) heal(w *world) {
	if o.end != nil {
		o.end(w)
		return
	}
	w.Dev.Intercept(nil)
}

// impatient has requests that get no answer end soon.
var impatient = []string{"VAULT_CLIENT_TIMEOUT=1s"}

func TestOutageAtLogin(t *testing.T) {
	for _, o := range outages {
		t.Run(strings.ReplaceAll(o.name, " ", "_"), func(t *testing.T) {
			w := newWorld(t)
			met := o.start(w)
			p := w.startEnv(impatient, login+certificate(once, ""))
			p.Says(logmsg.LoginFailed)
			for _, pattern := range o.login {
				p.Says(pattern)
			}
			harness.Eventually(t, "more attempts", func() bool { return met() >= 3 })
			p.Alive()
			if w.Read("tls/tls.crt") != "" {
				t.Error("there is a certificate")
			}
			o.heal(w)
			p.Says(logmsg.AllPublished)
			w.leaf()
			if n := w.Asked("", "/v1/pki/issue/"); n != 1 {
				t.Errorf("%d certificates were asked for, want 1", n)
			}
			p.stop()
		})
	}
}

func TestOutageAtRenewal(t *testing.T) {
	for _, o := range outages {
		t.Run(strings.ReplaceAll(o.name, " ", "_"), func(t *testing.T) {
			w := newWorld(t)
			p := w.startEnv(impatient, login+eager+certificate(often, ""))
			p.Says(logmsg.AllPublished)
			met := o.start(w)
			p.Says(logmsg.SecretNotRenewed)
			for _, pattern := range o.renew {
				p.Says(pattern)
			}
			last := w.leaf()
			before := w.snapshot(published...)
			further := met() + 2
			harness.Eventually(t, "more attempts", func() bool { return met() >= further })
			before.same()
			p.Alive()
			o.heal(w)
			harness.Eventually(t, "another certificate", func() bool { return w.Read("tls/tls.crt") != string(before.texts[1]) })
			p.stop()
			if w.leaf().SerialNumber.Cmp(last.SerialNumber) == 0 {
				t.Error("the certificate is the old one")
			}
			if n := w.Asked("", "/v1/auth/approle/login"); n != 1 {
				t.Errorf("%d logins, want 1: the token was good all the while", n)
			}
		})
	}
}

// A standby sends its clients to the active node.
func TestStandbyThatRedirects(t *testing.T) {
	w := newWorld(t)
	standby := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Location", w.URL+r.URL.RequestURI())
		rw.WriteHeader(http.StatusTemporaryRedirect)
	}))
	t.Cleanup(standby.Close)
	p := w.start(strings.Replace(login, "ADDRESS", standby.URL, 1) + certificate(once, ""))
	p.Says(logmsg.AllPublished)
	p.stop()
	w.leaf()
	if n := w.Asked("", "/v1/pki/issue/"); n != 1 {
		t.Errorf("%d certificates were asked for, want 1", n)
	}
}

// Retry-After is heeded, and the back-off comes on top.
func TestRetryAfter(t *testing.T) {
	const seconds = 2
	for _, c := range []struct{ name, path string }{{"login", "/v1/auth/approle/login"}, {"secret", "/v1/pki/issue/web"}} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			var mu sync.Mutex
			var asked []time.Time
			w.Dev.Intercept(func(rw http.ResponseWriter, r *http.Request) bool {
				if r.URL.Path != c.path {
					return false
				}
				mu.Lock()
				defer mu.Unlock()
				asked = append(asked, time.Now())
				if len(asked) > 1 {
					return false
				}
				rw.Header().Set("Retry-After", strconv.Itoa(seconds))
				answers(429, `{"errors":["rate limit quota exceeded"]}`)(rw, r)
				return true
			})
			// No wait after a login is longer than twice max_backoff.
			p := w.start(strings.Replace(login, "500ms", "10s", 1) + certificate(once, ""))
			p.Says(`rate limit quota exceeded`)
			p.Says(logmsg.AllPublished)
			p.stop()
			mu.Lock()
			defer mu.Unlock()
			if len(asked) != 2 || asked[1].Sub(asked[0]) < seconds*time.Second {
				t.Errorf("asked at %v, want a second time after %d s or more", asked, seconds)
			}
		})
	}
}

// Vault is not there at all, at first or later.
func TestVaultIsDown(t *testing.T) {
	w := newWorld(t)
	address, err := net.Listen("tcp", "127.0.0.1:0")
	w.Check(err)
	front := &front{address: address.Addr().String(), handler: w.Dev}
	w.Check(address.Close())
	t.Cleanup(front.close)

	p := w.start(strings.Replace(login, "ADDRESS", "http://"+front.address, 1) + eager + certificate(often, ""))
	p.Says(logmsg.LoginFailed + `.*connection refused`)
	p.Alive()
	front.open(t)
	p.Says(logmsg.AllPublished)
	front.close()
	p.Says(logmsg.SecretNotRenewed + `.*connection refused`)
	before := w.snapshot(published...)
	w.leaf()
	p.Alive()
	before.same()
	front.open(t)
	harness.Eventually(t, "another certificate", func() bool { return w.Read("tls/tls.crt") != string(before.texts[1]) })
	p.stop()
	w.leaf()
	if n := w.Asked("", "/v1/auth/approle/login"); n != 1 {
		t.Errorf("%d logins, want 1", n)
	}
}

// front is where a server listens, at times.
type front struct {
	address string
	handler http.Handler
	server  *http.Server
	done    chan struct{}
}

func (f *front) open(t *testing.T) {
	t.Helper()
	var listener net.Listener
	harness.Eventually(t, "the address is free", func() bool {
		l, err := net.Listen("tcp", f.address)
		listener = l
		return err == nil
	})
	f.server, f.done = &http.Server{Handler: f.handler}, make(chan struct{})
	go func(server *http.Server, done chan struct{}) {
		defer close(done)
		_ = server.Serve(listener) // until close
	}(f.server, f.done)
}

func (f *front) close() {
	if f.server == nil {
		return
	}
	_ = f.server.Close() // connections are cut, as by a crash
	<-f.done
	f.server = nil
}
