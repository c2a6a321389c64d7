// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package probe_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/certagent/certagent/probe"
)

// soon is the deadline of a verify that must fail; enough is that of one that
// must not.
const (
	soon   = 2 * time.Second
	enough = 30 * time.Second
)

// verify asks for a certificate at targets.
func verify(t *testing.T, deadline time.Duration, want tls.Certificate, targets ...probe.Target) probe.Report {
	t.Helper()
	report, err := probe.Verify(within(t), probe.Spec{
		Targets: targets, Want: probe.Fingerprint(want.Leaf), KeyAlgorithm: want.Leaf.PublicKeyAlgorithm, Deadline: deadline,
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(report.Targets) != len(targets) {
		t.Fatalf("%d reports for %d targets", len(report.Targets), len(targets))
	}
	return report
}

// expect verifies at one target, and returns what was found there.
func expect(t *testing.T, outcome probe.Outcome, want tls.Certificate, target probe.Target) probe.TargetReport {
	t.Helper()
	deadline := soon
	if outcome == probe.Verified {
		deadline = enough
	}
	got := verify(t, deadline, want, target).Targets[0]
	if got.Outcome != outcome {
		t.Fatalf("got %s (%v after %d handshakes), want %s", got.Outcome, got.Err, got.Handshakes, outcome)
	}
	if outcome == probe.Verified && (got.Err != nil || !got.Served.Equal(want.Leaf) || got.Handshakes < 3) {
		t.Fatalf("verified by %d handshakes with %v (%v)", got.Handshakes, got.Served.Subject, got.Err)
	}
	return got
}

// flips serves the first certificate so often, and then the second.
func flips(t *testing.T, after int64, first, second tls.Certificate) probe.Target {
	var handshakes atomic.Int64
	address, _ := serveTLS(t, &tls.Config{GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
		if handshakes.Add(1) <= after {
			return &first, nil
		}
		return &second, nil
	}})
	return probe.Target{Address: address}
}

func TestVerifyAReload(t *testing.T) {
	t.Parallel()
	before, after := certificate(t, "before.test"), certificate(t, "after.test")
	got := expect(t, probe.Verified, after, flips(t, 4, before, after))
	if got.Handshakes < 4+3 {
		t.Errorf("verified by %d handshakes, of which the first four showed the old one", got.Handshakes)
	}
	got = expect(t, probe.ServedOld, after, flips(t, 1000, before, after))
	if !got.Served.Equal(before.Leaf) || got.Err != nil {
		t.Errorf("served %v (%v), want the old one", got.Served.Subject, got.Err)
	}
}

func TestVerifyNeedsNoLeaveToEnter(t *testing.T) {
	t.Parallel()
	served := certificate(t, "served.test")
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		address, _ := serveTLS(t, &tls.Config{
			Certificates: []tls.Certificate{served}, ClientAuth: tls.RequireAnyClientCert, MinVersion: version, MaxVersion: version,
		})
		expect(t, probe.Verified, served, probe.Target{Address: address})
	}
}

func TestVerifyUnreachable(t *testing.T) {
	t.Parallel()
	want := certificate(t, "want.test")
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	neverAccepts, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer neverAccepts.Close()
	tests := []struct{ name, address, err string }{
		{"nobody listens", closed.Addr().String(), "unreachable: "},
		{"no socket", "unix:" + t.TempDir() + "/none", "no such file"},
		{"plain text", serve(t, func(c net.Conn) { _, _ = io.WriteString(c, "220 hello\r\n") }), "does not speak TLS"},
		{"reset", serve(t, func(c net.Conn) { _ = c.(*net.TCPConn).SetLinger(0) }), "connection reset"},
		{"accepts no connection", neverAccepts.Addr().String(), "TLS handshake: no answer within 1s"},
	}
	var targets []probe.Target
	for _, tt := range tests {
		targets = append(targets, probe.Target{Address: tt.address})
	}
	report := verify(t, soon, want, targets...)
	if report.Outcome != probe.Unreachable {
		t.Errorf("got %s", report.Outcome)
	}
	for i, got := range report.Targets {
		if got.Outcome != probe.Unreachable || got.Served != nil || got.Err == nil || !strings.Contains(got.Err.Error(), tests[i].err) {
			t.Errorf("%s: got %s, %v, %v, want: %s", tests[i].name, got.Outcome, got.Served, got.Err, tests[i].err)
		}
	}
}

// A server whose backlog takes connections long before it does.
func TestVerifySlowAccept(t *testing.T) {
	t.Parallel()
	served := certificate(t, "served.test")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	stopped := make(chan func(), 1)
	timer := time.AfterFunc(700*time.Millisecond, func() {
		stopped <- accept(l, func(c net.Conn) {
			_, _ = io.Copy(io.Discard, tls.Server(c, &tls.Config{Certificates: []tls.Certificate{served}}))
		})
	})
	expect(t, probe.Verified, served, probe.Target{Address: l.Addr().String()})
	if timer.Stop() {
		t.Fatal("verified before anything was accepted")
	}
	(<-stopped)()
}

func TestVerifyAllMustAgree(t *testing.T) {
	t.Parallel()
	before, after := certificate(t, "before.test"), certificate(t, "after.test")
	fresh, alsoFresh, stale := flips(t, 0, before, after), flips(t, 2, before, after), flips(t, 1000, before, after)
	dead := probe.Target{Address: "unix:" + t.TempDir() + "/none"}
	tests := []struct {
		name     string
		targets  []probe.Target
		deadline time.Duration
		want     probe.Outcome
		each     []probe.Outcome
	}{
		{"all serve it", []probe.Target{fresh, alsoFresh}, enough, probe.Verified, []probe.Outcome{probe.Verified, probe.Verified}},
		{"one is old", []probe.Target{fresh, stale}, soon, probe.ServedOld, []probe.Outcome{probe.Verified, probe.ServedOld}},
		{"one is dead", []probe.Target{dead, fresh}, soon, probe.Unreachable, []probe.Outcome{probe.Unreachable, probe.Verified}},
		{"one is dead, one is old", []probe.Target{dead, stale}, soon, probe.ServedOld, []probe.Outcome{probe.Unreachable, probe.ServedOld}},
	}
	for _, tt := range tests {
		report := verify(t, tt.deadline, after, tt.targets...)
		if report.Outcome != tt.want {
			t.Errorf("%s: got %s, want %s", tt.name, report.Outcome, tt.want)
		}
		for i, got := range report.Targets {
			if got.Outcome != tt.each[i] || got.Address != tt.targets[i].Address {
				t.Errorf("%s: target %d: got %s at %s, want %s", tt.name, i, got.Outcome, got.Address, tt.each[i])
			}
		}
	}
}

// Two processes behind one port, of which one kept the old certificate: the
// kernel sends a connection to either.
func TestVerifyProcessesThatShareAPort(t *testing.T) {
	t.Parallel()
	before, after := certificate(t, "before.test"), certificate(t, "after.test")
	process := func(address string, c tls.Certificate) (string, func()) {
		listening := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) (err error) {
			return errors.Join(raw.Control(func(fd uintptr) {
				err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1)
			}), err)
		}}
		l, err := listening.Listen(t.Context(), "tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		stop := accept(l, func(conn net.Conn) {
			_, _ = io.Copy(io.Discard, tls.Server(conn, &tls.Config{Certificates: []tls.Certificate{c}}))
		})
		return l.Addr().String(), stop
	}
	address, stopNew := process("127.0.0.1:0", after)
	defer stopNew()
	_, stopOld := process(address, before)
	// With three hits in a row chance would have it in one of four runs.
	spec := probe.Spec{Targets: []probe.Target{{Address: address}}, Want: probe.Fingerprint(after.Leaf), Hits: 30, Deadline: 3 * time.Second}
	got, err := probe.Verify(within(t), spec)
	if err != nil || got.Outcome != probe.ServedOld {
		t.Errorf("both serve: got %s, %v", got.Outcome, err)
	}
	stopOld()
	spec.Deadline = enough
	got, err = probe.Verify(within(t), spec)
	if err != nil || got.Outcome != probe.Verified {
		t.Errorf("the old one has ended: got %s, %v (%v)", got.Outcome, err, got.Targets[0].Err)
	}
}

// A server with a certificate of each kind of key shows one or the other,
// depending on what the client can do.
func TestVerifyTwoKeys(t *testing.T) {
	t.Parallel()
	ec, rsa := certificate(t, "ec.test"), rsaCertificate(t, "rsa.test")
	both := &tls.Config{Certificates: []tls.Certificate{ec, rsa}}
	address, _ := serveTLS(t, both)
	expect(t, probe.Verified, ec, probe.Target{Address: address})
	expect(t, probe.Verified, rsa, probe.Target{Address: address})

	// It is the certificate of the wanted one's kind that counts.
	newer := rsaCertificate(t, "newer.test")
	if got := expect(t, probe.ServedOld, newer, probe.Target{Address: address}); !got.Served.Equal(rsa.Leaf) {
		t.Errorf("served %v, want the old one with such a key", got.Served.Subject)
	}
	// A server that has no such certificate yet shows what it has.
	single, _ := serveTLS(t, &tls.Config{Certificates: []tls.Certificate{ec}})
	if got := expect(t, probe.ServedOld, rsa, probe.Target{Address: single}); !got.Served.Equal(ec.Leaf) || got.Err == nil ||
		!strings.Contains(got.Err.Error(), "a key of type ECDSA is served; asked for one of type RSA: ") {
		t.Errorf("served %v (%v), want the only one", got.Served.Subject, got.Err)
	}
	if leaf, err := probe.Leaf(within(t), probe.Target{Address: single, KeyAlgorithm: x509.RSA}); err == nil {
		t.Errorf("asked for a key that there is not, got %v", leaf.Subject)
	}
}

// As long as it cannot be asked for the wanted kind of key, what else it serves
// says nothing.
func TestVerifyTwoKeysOfWhichOneHangs(t *testing.T) {
	t.Parallel()
	ec, rsa := certificate(t, "ec.test"), rsaCertificate(t, "rsa.test")
	address := serve(t, func(conn net.Conn) {
		_, _ = io.Copy(io.Discard, tls.Server(conn, &tls.Config{
			Certificates: []tls.Certificate{ec},
			GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
				if !slices.Contains(hello.SupportedVersions, tls.VersionTLS13) {
					_, _ = io.Copy(io.Discard, conn)
				}
				return nil, nil
			},
		}))
	})
	got := expect(t, probe.Unreachable, rsa, probe.Target{Address: address})
	if got.Served != nil || got.Err == nil || !strings.Contains(got.Err.Error(), "no answer within 1s") {
		t.Errorf("served %v, %v", got.Served, got.Err)
	}
}

func TestVerifyEndsWithItsContext(t *testing.T) {
	t.Parallel()
	before, after := certificate(t, "before.test"), certificate(t, "after.test")
	ctx, cancel := context.WithCancel(within(t))
	defer cancel()
	address, _ := serveTLS(t, &tls.Config{GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
		cancel() // in the middle of the first handshake
		return &before, nil
	}})
	start := time.Now()
	report, err := probe.Verify(ctx, probe.Spec{
		Targets: []probe.Target{{Address: address}}, Want: probe.Fingerprint(after.Leaf), Deadline: time.Hour,
	})
	if !errors.Is(err, context.Canceled) || report.Outcome == probe.Verified || time.Since(start) > enough {
		t.Errorf("got %s, %v after %s", report.Outcome, err, time.Since(start))
	}
}

func TestVerifyOfTheImpossible(t *testing.T) {
	t.Parallel()
	good := []probe.Target{{Address: "unix:/none"}}
	tests := []struct {
		spec probe.Spec
		want string
	}{
		{probe.Spec{Want: "x"}, "no targets"},
		{probe.Spec{Targets: good}, "no wanted fingerprint"},
		{probe.Spec{Targets: good, Want: "x", Hits: -1}, "cannot be negative"},
		{probe.Spec{Targets: good, Want: "x", Spread: time.Minute}, "a spread of 1m0s does not fit into a deadline of 10s"},
		{probe.Spec{Targets: append(good, probe.Target{Address: "x"}), Want: "x"}, `target "x": address x: missing port`},
	}
	for _, tt := range tests {
		report, err := probe.Verify(t.Context(), tt.spec)
		if err == nil || !strings.Contains(err.Error(), tt.want) || report.Targets != nil {
			t.Errorf("got %v, %v, want: %s", report, err, tt.want)
		}
	}
}
