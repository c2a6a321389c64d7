// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httputil"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/certagent/certagent/internal/harness"
	"github.com/certagent/certagent/logmsg"
)

// vaultName is the host name by which these tests know the server.
const vaultName = "vault.certagent.test"

// startNamed runs the agent with an /etc/hosts and an /etc/resolv.conf of its own, and
// with the server's name for its address.
func (w *world) startNamed(hosts, resolv, text string) *process {
	w.Helper()
	if os.Getuid() != 0 {
		w.Skip("mounting a file over /etc/hosts needs root: this test was not run")
	}
	w.Write("hosts", hosts)
	w.Write("resolv.conf", resolv)
	port := mustParse(w, w.URL).Port()
	w.Write("agent.hcl", w.expand(strings.ReplaceAll(text, "ADDRESS", "http://"+vaultName+":"+port)))
	script := `mount --bind "$1/hosts" /etc/hosts && mount --bind "$1/resolv.conf" /etc/resolv.conf && exec "$2" agent -config="$1/agent.hcl"`
	// Not the test's own binary: at the end it would find the goroutines of Go's resolver,
	// which wait for the name server.
	return launchProgram(w.T, w.Path(""), []string{"GODEBUG=netdns=go"}, "unshare", "-m", "sh", "-c", script, "sh", w.Path(""), harness.Certagent(w.T))
}

func mustParse(w *world, text string) *url.URL {
	w.Helper()
	u, err := url.Parse(text)
	w.Check(err)
	return u
}

// A host name with an IPv6 address that nothing answers at, whether it refuses or
// swallows connections, does not keep the agent from the IPv4 address.
func TestIPv6AddressWithoutAServer(t *testing.T) {
	for _, c := range []struct {
		name  string
		begin func(t *testing.T, port string)
	}{
		{"refuses", func(*testing.T, string) {}},
		{"swallows", swallow},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			c.begin(t, mustParse(w, w.URL).Port())
			p := w.startNamed("::1 "+vaultName+"\n127.0.0.1 "+vaultName+"\n", "", login+certificate(once, ""))
			p.Says(logmsg.AllPublished)
			p.stop()
			w.leaf()
			if p.Count(logmsg.LoginFailed) > 0 {
				t.Error("it took more than one attempt to log in")
			}
		})
	}
}

// swallow listens on the port of ::1 with a full backlog, so that the kernel drops
// further connections.
func swallow(t *testing.T, port string) {
	t.Helper()
	l, err := net.Listen("tcp6", "[::1]:"+port)
	if err != nil {
		harness.Missing(t, "IPv6: %v", err)
	}
	t.Cleanup(func() { l.Close() })
	file, err := l.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if err := syscall.Listen(int(file.Fd()), 0); err != nil { // a new backlog
		t.Fatal(err)
	}
	for range 20 {
		conn, err := net.DialTimeout("tcp6", l.Addr().String(), 200*time.Millisecond)
		if err != nil {
			return
		}
		t.Cleanup(func() { conn.Close() })
	}
	t.Fatal("the backlog is never full")
}

// nameServer answers questions about vaultName.
type nameServer struct {
	addr string

	mu     sync.Mutex
	answer netip.Addr // invalid: the code
	code   dnsmessage.RCode
	silent bool
	asked  int
}

func newNameServer(t *testing.T) *nameServer {
	t.Helper()
	host, _, _ := net.SplitHostPort(harness.Loopback())
	conn, err := net.ListenPacket("udp", host+":53")
	if err != nil {
		t.Skipf("a name server on port 53 needs root: %v", err)
	}
	s := &nameServer{addr: host, code: dnsmessage.RCodeNameError}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for buffer := make([]byte, 4096); ; {
			n, from, err := conn.ReadFrom(buffer)
			if err != nil {
				return // closed
			}
			if reply := s.reply(buffer[:n]); reply != nil {
				_, _ = conn.WriteTo(reply, from) // a lost answer is asked for again
			}
		}
	}()
	t.Cleanup(func() {
		conn.Close()
		<-ended
	})
	return s
}

func (s *nameServer) reply(question []byte) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked++
	var m dnsmessage.Message
	if s.silent || m.Unpack(question) != nil || len(m.Questions) != 1 {
		return nil
	}
	m.Response, m.Additionals, m.RecursionAvailable, m.RCode = true, nil, true, s.code
	if q := m.Questions[0]; s.answer.IsValid() {
		m.RCode = dnsmessage.RCodeSuccess
		if q.Type == dnsmessage.TypeA {
			header := dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class}
			m.Answers = []dnsmessage.Resource{{Header: header, Body: &dnsmessage.AResource{A: s.answer.As4()}}}
		}
	}
	reply, err := m.Pack()
	if err != nil {
		return nil
	}
	return reply
}

func (s *nameServer) set(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = 0
	change()
}

func (s *nameServer) wasAsked() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked > 0
}

// The agent waits for a name server that does not know the name, fails, or says nothing;
// it stops at once while it waits, and goes on when the name is known.
func TestNameServerFails(t *testing.T) {
	w := newWorld(t)
	s := newNameServer(t)
	resolv := fmt.Sprintf("nameserver %s\noptions timeout:1 attempts:1\n", s.addr)
	p := w.startNamed("", resolv, login+certificate(once, ""))
	p.Says(logmsg.LoginFailed + `.*no such host`)
	s.set(func() { s.code = dnsmessage.RCodeServerFailure })
	harness.Eventually(t, "another question", s.wasAsked)
	p.Says(`server misbehaving`)
	s.set(func() { s.silent = true })
	harness.Eventually(t, "another question", s.wasAsked)
	p.Alive()
	s.set(func() { s.silent, s.answer = false, netip.MustParseAddr("127.0.0.1") })
	p.Says(logmsg.AllPublished)
	p.stop()
	w.leaf()

	s.set(func() { s.silent = true })
	p = w.startNamed("", fmt.Sprintf("nameserver %s\noptions timeout:30 attempts:5\n", s.addr), login+certificate(once, "")+password(""))
	harness.Eventually(t, "a question", s.wasAsked)
	began := time.Now()
	p.stop()
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("it took %v to stop while a name is looked up", took)
	}
}

// When the server has moved, its name is looked up again.
func TestNameMovesToAnotherAddress(t *testing.T) {
	w := newWorld(t)
	s := newNameServer(t)
	there := mustParse(w, w.URL)
	first, _, _ := net.SplitHostPort(harness.Loopback())
	l, err := net.Listen("tcp", net.JoinHostPort(first, there.Port()))
	w.Check(err)
	old := &http.Server{Handler: httputil.NewSingleHostReverseProxy(there)}
	ended := make(chan struct{})
	go func() { defer close(ended); _ = old.Serve(l) }()
	stop := sync.OnceFunc(func() { old.Close(); <-ended })
	t.Cleanup(stop)

	s.set(func() { s.answer = netip.MustParseAddr(first) })
	p := w.startNamed("", "nameserver "+s.addr+"\n", login+eager+certificate(often, ""))
	p.Says(logmsg.AllPublished)
	s.set(func() { s.answer = netip.MustParseAddr("127.0.0.1") })
	stop()
	before := w.Read("tls/tls.crt")
	harness.Eventually(t, "another certificate", func() bool { return w.Read("tls/tls.crt") != before })
	p.stop()
	w.leaf()
}
