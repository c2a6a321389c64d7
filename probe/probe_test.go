// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package probe_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"errors"
	"io"
	"math/big"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/certagent/certagent/internal/harness"
	"github.com/certagent/certagent/probe"
)

func TestMain(m *testing.M) { harness.Main(m) }

// certificate makes a self-signed certificate that ended an hour ago: the probe
// has to show what is served, not what should be.
func certificate(t *testing.T, name string) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return selfSigned(t, name, key)
}

func rsaCertificate(t *testing.T, name string) tls.Certificate {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return selfSigned(t, name, key)
}

func selfSigned(t *testing.T, name string, key crypto.Signer) tls.Certificate {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()),
		Subject:      pkix.Name{CommonName: name},
		DNSNames:     []string{name},
		NotBefore:    time.Now().Add(-2 * time.Hour),
		NotAfter:     time.Now().Add(-time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

// serve runs handle for each connection until the test ends, and waits for it.
func serve(t *testing.T, handle func(net.Conn)) (address string) {
	t.Helper()
	return listen(t, "tcp", "127.0.0.1:0", handle)
}

// serveTLS reports how the server saw each connection end: nil if the client
// said good-bye.
func serveTLS(t *testing.T, config *tls.Config) (address string, ends <-chan error) {
	t.Helper()
	seen := make(chan error, 16)
	address = serve(t, func(conn net.Conn) {
		_, err := io.Copy(io.Discard, tls.Server(conn, config))
		select {
		case seen <- err:
		default: // nobody looks at so many
		}
	})
	return address, seen
}

func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func TestLeaf(t *testing.T) {
	t.Parallel()
	served, mine := certificate(t, "served.test"), certificate(t, "mine.test")
	versions := map[string]uint16{"TLS 1.2": tls.VersionTLS12, "TLS 1.3": tls.VersionTLS13}
	tests := []struct {
		name   string
		auth   tls.ClientAuthType
		show   *tls.Certificate
		polite bool // the server sees a clean end
	}{
		{"open to all", tls.NoClientCert, nil, true},
		{"demands a certificate, we show none", tls.RequireAnyClientCert, nil, false},
		{"demands a certificate, we show one", tls.RequireAnyClientCert, &mine, true},
		{"demands one of a CA that is not ours", tls.RequireAndVerifyClientCert, &mine, false},
	}
	for version, number := range versions {
		for _, tt := range tests {
			t.Run(version+" "+tt.name, func(t *testing.T) {
				t.Parallel()
				pool := x509.NewCertPool()
				pool.AddCert(served.Leaf)
				address, ends := serveTLS(t, &tls.Config{
					Certificates: []tls.Certificate{served}, ClientAuth: tt.auth, ClientCAs: pool,
					MinVersion: number, MaxVersion: number,
				})
				got, err := probe.Leaf(within(t), probe.Target{Address: address, Certificate: tt.show})
				if err != nil {
					t.Fatal(err)
				}
				if !got.Equal(served.Leaf) {
					t.Errorf("got %v, want the served one", got.Subject)
				}
				if end := <-ends; (end == nil) != tt.polite {
					t.Errorf("the server saw %v", end)
				}
			})
		}
	}
}

// A server that answers by name, whose certificate changes under it, and that
// would resume sessions.
func TestLeafIsTheOneServedNow(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	byName := map[string]tls.Certificate{}
	for _, name := range []string{"", "a.test", "b.test", "localhost"} {
		byName[name] = certificate(t, "for "+name)
	}
	address, _ := serveTLS(t, &tls.Config{
		GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
			mu.Lock()
			defer mu.Unlock()
			c := byName[hello.ServerName]
			return &c, nil
		},
	})
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct{ name, address, serverName, want string }{
		{"a name", address, "a.test", "a.test"},
		{"another name", address, "b.test", "b.test"},
		{"the address's host", "localhost:" + port, "", "localhost"},
		{"no name for an IP address", address, "", ""},
	}
	for _, tt := range tests {
		for _, round := range []string{"first", "changed"} {
			if round == "changed" {
				mu.Lock()
				byName[tt.want] = certificate(t, "changed")
				mu.Unlock()
			}
			got, err := probe.Leaf(within(t), probe.Target{Address: tt.address, ServerName: tt.serverName})
			if err != nil {
				t.Fatalf("%s: %v", tt.name, err)
			}
			if want := byName[tt.want].Leaf; !got.Equal(want) {
				t.Errorf("%s, %s: got %v, want %v", tt.name, round, got.Subject, want.Subject)
			}
		}
	}
}

func TestLeafFails(t *testing.T) {
	t.Parallel()
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	http := func(conn net.Conn) {
		_, _ = conn.Read(make([]byte, 1))
		_, _ = io.WriteString(conn, "HTTP/1.1 400 Bad Request\r\n\r\n")
	}
	hangUp := func(conn net.Conn) { _, _ = conn.Read(make([]byte, 4096)) }
	noCertificate := func(conn net.Conn) { _ = tls.Server(conn, &tls.Config{GetCertificate: none}).Handshake() }
	tests := []struct {
		name        string
		address     string
		unreachable bool
		want        string
	}{
		{"closed port", closed.Addr().String(), true, "connection refused"},
		{"no port", "127.0.0.1", false, "missing port in address"},
		{"plain HTTP", serve(t, http), false, "the server does not speak TLS"},
		{"hangs up", serve(t, hangUp), false, "the server closed the connection"},
		{"has no certificate", serve(t, noCertificate), false, "remote error: tls: "},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			leaf, err := probe.Leaf(within(t), probe.Target{Address: tt.address})
			if leaf != nil || err == nil || errors.Is(err, probe.ErrUnreachable) != tt.unreachable ||
				!strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), tt.address) {
				t.Errorf("got %v, %v, want: %s", leaf, err, tt.want)
			}
		})
	}
}

func none(*tls.ClientHelloInfo) (*tls.Certificate, error) { return nil, errors.New("none") }

// A certificate counts only if the server proves that it has the key: one whose
// key does not match must not pass for served.
func TestLeafWithoutItsKey(t *testing.T) {
	t.Parallel()
	stolen, other := certificate(t, "stolen.test"), certificate(t, "other.test")
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		address, _ := serveTLS(t, &tls.Config{
			Certificates: []tls.Certificate{{Certificate: stolen.Certificate, PrivateKey: other.PrivateKey}},
			MinVersion:   version, MaxVersion: version,
		})
		if leaf, err := probe.Leaf(within(t), probe.Target{Address: address}); leaf != nil || err == nil {
			t.Errorf("%s: got %v, %v, want an error", tls.VersionName(version), leaf, err)
		}
	}
}

func TestLeafEndsWithItsContext(t *testing.T) {
	t.Parallel()
	greeted := make(chan struct{})
	address := serve(t, func(conn net.Conn) {
		_, _ = conn.Read(make([]byte, 1))
		close(greeted)
		_, _ = io.Copy(io.Discard, conn) // never answers
	})
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-greeted; cancel() }()
	_, err := probe.Leaf(ctx, probe.Target{Address: address})
	if !errors.Is(err, context.Canceled) || errors.Is(err, probe.ErrUnreachable) {
		t.Errorf("in the handshake: got %v, want the context's error", err)
	}
	_, err = probe.Leaf(ctx, probe.Target{Address: address})
	if !errors.Is(err, context.Canceled) || errors.Is(err, probe.ErrUnreachable) {
		t.Errorf("before the connection: got %v, want the context's error", err)
	}
}

func TestFingerprint(t *testing.T) {
	t.Parallel()
	c := certificate(t, "x.test").Leaf
	sum := sha256.Sum256(c.Raw)
	if got, want := probe.Fingerprint(c), hex.EncodeToString(sum[:]); got != want || len(got) != 64 {
		t.Errorf("got %s, want %s", got, want)
	}
}
