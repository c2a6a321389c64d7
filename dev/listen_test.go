// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package dev_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/certagent/certagent/dev"
	"github.com/certagent/certagent/dev/seed"
)

func start(t *testing.T, s *dev.Server, o dev.ListenOptions) *dev.Listener {
	t.Helper()
	l, err := s.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

func TestLoopbackOnly(t *testing.T) {
	t.Parallel()
	s := dev.New(dev.Options{})
	for _, address := range []string{":0", "0.0.0.0:0", "[::]:0", "192.0.2.1:0", "example.test:0"} {
		if l, err := s.Start(t.Context(), dev.ListenOptions{Address: address}); !errors.Is(err, dev.ErrNotLoopback) {
			t.Errorf("%s: got %v, %v", address, l, err)
		}
	}
	if _, err := s.Start(t.Context(), dev.ListenOptions{Address: "nonsense"}); err == nil {
		t.Error("an address without a port was accepted")
	}
	for _, address := range []string{"", "127.0.0.1:0", "localhost:0", "127.1.2.3:0"} {
		start(t, s, dev.ListenOptions{Address: address})
	}
}

func get(t *testing.T, url string, config *tls.Config) (int, error) {
	t.Helper()
	transport := &http.Transport{TLSClientConfig: config}
	defer transport.CloseIdleConnections()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"/v1/sys/health", nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := transport.RoundTrip(r)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	_, err = io.Copy(io.Discard, res.Body)
	return res.StatusCode, err
}

func TestListenTLS(t *testing.T) {
	t.Parallel()
	s := dev.New(dev.Options{})
	newPKI(t, s, nil)
	pair, err := seed.Issue(t.Context(), root(t, s), "pki/issue/web", seed.Params{"common_name": "localhost", "ip_sans": "127.0.0.1"})
	if err != nil {
		t.Fatal(err)
	}
	cert, err := tls.X509KeyPair([]byte(pair.Cert), []byte(pair.Key))
	if err != nil {
		t.Fatal(err)
	}
	given := dev.ListenOptions{TLSCert: []byte(pair.Cert), TLSKey: []byte(pair.Key)}
	demanding := given
	demanding.ClientCA = []byte(pair.CA)
	cases := []struct {
		name    string
		o       dev.ListenOptions
		client  []tls.Certificate
		refused string // part of the error; "": no error
	}{
		{"self-made", dev.ListenOptions{TLS: true}, nil, ""},
		{"given", given, nil, ""},
		{"client certificate not demanded", given, []tls.Certificate{cert}, ""},
		{"client certificate demanded", demanding, []tls.Certificate{cert}, ""},
		{"client certificate demanded, none shown", demanding, nil, "certificate required"},
	}
	for _, tc := range cases {
		l := start(t, s, tc.o)
		if !strings.HasPrefix(l.URL, "https://") {
			t.Errorf("%s: %s", tc.name, l.URL)
		}
		ca := l.CA
		if ca == nil {
			ca = []byte(pair.CA)
		}
		config := &tls.Config{RootCAs: x509.NewCertPool(), Certificates: tc.client}
		config.RootCAs.AppendCertsFromPEM(ca)
		status, err := get(t, l.URL, config)
		if tc.refused == "" && (err != nil || status != 200) || tc.refused != "" && (err == nil || !strings.Contains(err.Error(), tc.refused)) {
			t.Errorf("%s: %d, %v", tc.name, status, err)
		}
	}
	if _, err := s.Start(t.Context(), dev.ListenOptions{TLS: true, ClientCA: []byte("junk")}); err == nil {
		t.Error("a client CA without a certificate was accepted")
	}
	if _, err := s.Start(t.Context(), dev.ListenOptions{TLSCert: []byte("junk"), TLSKey: []byte("junk")}); err == nil {
		t.Error("a certificate that is none was accepted")
	}
}

// TestCloseEndsEverything relies on the goroutine leak check too.
func TestCloseEndsEverything(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	s := dev.New(dev.Options{})
	entered, leave := make(chan struct{}), make(chan struct{})
	s.Intercept(func(http.ResponseWriter, *http.Request) bool {
		close(entered)
		<-leave
		return false
	})
	l, err := s.Start(ctx, dev.ListenOptions{})
	if err != nil {
		t.Fatal(err)
	}
	got := make(chan int, 1)
	go func() {
		status, _ := get(t, l.URL, nil) // the status of an error is 0
		got <- status
	}()
	<-entered
	closed := make(chan error, 1)
	go func() { closed <- l.Close() }()
	close(leave)
	if err := <-closed; err != nil {
		t.Error(err)
	}
	if status := <-got; status != 200 {
		t.Errorf("the request under way got %d", status)
	}
	if c, err := net.Dial("tcp", strings.TrimPrefix(l.URL, "http://")); err == nil {
		c.Close()
		t.Error("still listening after Close")
	}
	if err := l.Close(); err != nil {
		t.Errorf("closing again: %v", err)
	}
}

func TestContextCloses(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	l, err := dev.New(dev.Options{}).Start(ctx, dev.ListenOptions{})
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := l.Close(); err != nil { // waits for the shutdown that the context started
		t.Error(err)
	}
	if c, err := net.Dial("tcp", strings.TrimPrefix(l.URL, "http://")); err == nil {
		c.Close()
		t.Error("still listening after the context ended")
	}
}
