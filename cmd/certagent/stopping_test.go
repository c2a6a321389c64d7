// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/certagent/certagent/internal/harness"
)

// supervisor is how a supervisor stops certagent: what it sends, how long it
// waits, and that it kills what is then still there.
type supervisor struct {
	name     string
	sends    syscall.Signal
	patience time.Duration
	inside   bool // certagent is process 1 of a namespace; else it leads a process group, which is killed too
}

// With systemd this is KillMode=mixed.
var supervisors = []supervisor{
	{name: "systemd", sends: syscall.SIGTERM, patience: 90 * time.Second},
	{name: "nomad", sends: syscall.SIGINT, patience: 5 * time.Second},
	{name: "docker", sends: syscall.SIGTERM, patience: 10 * time.Second, inside: true},
}

func (s supervisor) start(w *world, text string) *process {
	w.Helper()
	if s.inside {
		return w.startInit(text)
	}
	return w.startUnder([]string{"setsid"}, text)
}

// stop sends the signal, and kills after the patience, as whoever has to clean up
// does. The returned function waits for the end.
func (s supervisor) stop(p *process) (ends func(code int)) {
	p.Helper()
	pid := p.PID()
	if s.inside {
		pid = p.first()
	}
	send(p, pid, s.sends)
	over := time.AfterFunc(s.patience, func() {
		_ = syscall.Kill(pid, syscall.SIGKILL)
		if !s.inside {
			_ = syscall.Kill(-pid, syscall.SIGKILL)
		}
	})
	p.Cleanup(func() { over.Stop() })
	return func(code int) {
		p.Helper()
		p.Ends(code)
		if !over.Stop() {
			p.Errorf("certagent was killed after %v", s.patience)
		}
	}
}

// responseSize is that of the file that nginx serves, which takes it about two seconds.
const responseSize = 3_000_000

// nginxConf serves that file with the bundle's certificate.
const nginxConf = `
USER
pid DIR/nginx.pid;
error_log DIR/error.log notice;
worker_processes 1;
events {}
http {
  access_log            off;
  client_body_temp_path DIR/client;
  proxy_temp_path       DIR/proxy;
  fastcgi_temp_path     DIR/fastcgi;
  uwsgi_temp_path       DIR/uwsgi;
  scgi_temp_path        DIR/scgi;
  server {
    listen              unix:DIR/s ssl;
    ssl_certificate     DIR/tls/tls.crt;
    ssl_certificate_key DIR/tls/tls.key;
    root                DIR/www;
    limit_rate          1500k;
  }
}
`

// nginxChild is a bundle and an exec block with nginx.
const nginxChild = `
bundle "web" {
  directory = "DIR/tls"
  certificate {
    role        = "pki/web"
    common_name = "example.test"
    files       = { fullchain = "tls.crt", key = "tls.key", ca = "ca.crt" }
  }
  change_mode   = "signal"
  change_signal = "SIGHUP"
}
exec {
  command      = ["nginx", "-p", "DIR", "-c", "DIR/nginx.conf", "-e", "DIR/error.log", "-g", "daemon off;"]
  kill_timeout = "4s"
  MORE
}
`

// startNginx runs certagent with nginx as its child, until that answers.
func (w *world) startNginx(s supervisor, more string) *process {
	w.Helper()
	harness.Program(w.T, "nginx")
	user := ""
	if os.Getuid() == 0 {
		user = "user root;" // another one may not look into the directory
	}
	w.Write("nginx.conf", strings.ReplaceAll(w.expand(nginxConf), "USER", user))
	w.Write("www/big", strings.Repeat("x", responseSize))
	p := s.start(w, login+strings.ReplaceAll(nginxChild, "MORE", more))
	harness.Eventually(w.T, "nginx listens", func() bool {
		p.Alive()
		conn, err := net.Dial("unix", w.Path("s"))
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
	return p
}

// request returns a response of nginx's whose first byte has come.
func (w *world) request() *http.Response {
	w.Helper()
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM([]byte(w.Read("tls/ca.crt"))) {
		w.Fatal("no CA is published")
	}
	transport := &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", w.Path("s"))
		},
		TLSClientConfig:   &tls.Config{RootCAs: roots},
		DisableKeepAlives: true,
	}
	ctx, cancel := context.WithTimeout(w.Context(), harness.Patience)
	w.Cleanup(cancel)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://example.test/big", nil)
	w.Check(err)
	response, err := transport.RoundTrip(request)
	w.Check(err)
	w.Cleanup(func() { response.Body.Close() })
	if response.StatusCode != http.StatusOK || response.ContentLength != responseSize {
		w.Fatalf("nginx answers %s with %d bytes", response.Status, response.ContentLength)
	}
	_, err = io.ReadFull(response.Body, make([]byte, 1))
	w.Check(err)
	return response
}

// However certagent is stopped, nginx finishes what it is sending.
func TestNginxFinishesItsResponse(t *testing.T) {
	for _, s := range supervisors {
		for name, more := range map[string]string{
			"stop_signal": `stop_signal = "SIGQUIT"`,
			"signals":     `signals = { SIGTERM = "SIGQUIT", SIGINT = "SIGQUIT" }`,
		} {
			t.Run(s.name+"_"+name, func(t *testing.T) {
				w := newWorld(t)
				p := w.startNginx(s, more)
				response := w.request()
				ends := s.stop(p)
				got, err := io.Copy(io.Discard, response.Body)
				if err != nil || got != responseSize-1 {
					t.Errorf("%d of %d bytes have come: %v", got+1, responseSize, err)
				}
				// Not 143: systemd and Kubernetes take for failed what was told
				// to end and does so with another code.
				ends(0)
				p.leavesNothing()
			})
		}
	}
}

// It does not if it gets what supervisors send.
func TestNginxIsCutShortByWhatSupervisorsSend(t *testing.T) {
	for _, s := range supervisors {
		t.Run(s.name, func(t *testing.T) {
			w := newWorld(t)
			p := w.startNginx(s, fmt.Sprintf("stop_signal = %q", signalName(s.sends)))
			response := w.request()
			ends := s.stop(p)
			if got, err := io.Copy(io.Discard, response.Body); err == nil {
				t.Errorf("nothing is amiss: %d bytes have come", got+1)
			}
			ends(0)
			p.leavesNothing()
		})
	}
}

// systemd without KillMode=mixed signals the child as well. No stop_signal helps
// the response then, but the end is still not a failure.
func TestSupervisorThatSignalsTheChildToo(t *testing.T) {
	w := newWorld(t)
	p := w.startNginx(supervisors[0], `stop_signal = "SIGQUIT"`)
	response := w.request()
	nginx, err := strconv.Atoi(strings.TrimSpace(w.Read("nginx.pid")))
	w.Check(err)
	ends := supervisors[0].stop(p)
	send(t, nginx, syscall.SIGTERM)
	if got, err := io.Copy(io.Discard, response.Body); err == nil {
		t.Errorf("nothing is amiss: %d bytes have come", got+1)
	}
	ends(0)
	p.leavesNothing()
}

// A supervisor that gives less time than kill_timeout kills certagent, and what
// is left dies with it.
func TestSupervisorWithoutPatience(t *testing.T) {
	for _, s := range supervisors {
		t.Run(s.name, func(t *testing.T) {
			s.patience = time.Second
			w := newWorld(t)
			p := s.start(w, login+password("")+child("trap '' TERM INT; echo child runs; while :; do sleep 0.05; done", `kill_timeout = "10m"`))
			p.Says(`child runs`)
			s.stop(p)
			harness.Eventually(t, "nothing is left", func() bool { return len(descendants(t, w.Path(""))) == 0 })
			<-p.Ended()
		})
	}
}
