// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package dev

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"sync"
	"time"
)

// closeTimeout is how long Close waits for requests in progress.
const closeTimeout = 5 * time.Second

// ErrNotLoopback is returned for an address that other machines could reach.
var ErrNotLoopback = errors.New("the dev server listens on loopback addresses only")

// ListenOptions are the address and TLS settings of a listener. The zero value is
// plain HTTP on a free port of 127.0.0.1.
type ListenOptions struct {
	// Address is host:port with a loopback host. Port 0 selects a free port.
	Address string
	// TLS enables TLS. Without TLSCert and TLSKey, both PEM, the listener creates
	// a CA and a certificate; see Listener.CA.
	TLS             bool
	TLSCert, TLSKey []byte
	// ClientCA, PEM, makes the listener require client certificates of this CA.
	// Without it, the listener requests one and accepts any, as Vault does.
	ClientCA []byte
}

// Listener is a server on a port.
type Listener struct {
	URL string
	// CA is the PEM of the CA that the listener created. It is nil without TLS or
	// if the options contain a certificate.
	CA []byte

	server *http.Server
	done   chan struct{}
	close  func() error
	stop   func() bool
}

// Start listens until Close is called or ctx is cancelled. A server may have
// several listeners.
func (s *Server) Start(ctx context.Context, o ListenOptions) (*Listener, error) {
	if o.Address == "" {
		o.Address = "127.0.0.1:0"
	}
	if err := checkLoopback(o.Address); err != nil {
		return nil, err
	}
	l := &Listener{done: make(chan struct{})}
	config, err := l.tlsConfig(s, o)
	if err != nil {
		return nil, err
	}
	ln, err := (&net.ListenConfig{}).Listen(ctx, "tcp", o.Address)
	if err != nil {
		return nil, fmt.Errorf("dev server: %w", err)
	}
	l.URL = "http://" + ln.Addr().String()
	if config != nil {
		l.URL = "https://" + ln.Addr().String()
		ln = tls.NewListener(ln, config)
	}
	l.server = &http.Server{
		Handler: s, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 5 * time.Minute,
		// Failed handshakes are reported to the client only.
		ErrorLog: log.New(discard{}, "", 0),
	}
	go func() {
		defer close(l.done)
		_ = l.server.Serve(ln) // ErrServerClosed, after Close
	}()
	l.close = sync.OnceValue(l.shutdown)
	l.stop = context.AfterFunc(ctx, func() { _ = l.close() })
	return l, nil
}

type discard struct{}

func (discard) Write(b []byte) (int, error) { return len(b), nil }

// Close stops listening, waits for requests in progress, up to a few seconds, and
// returns when the listener's goroutines have ended.
func (l *Listener) Close() error {
	l.stop()
	return l.close()
}

func (l *Listener) shutdown() error {
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	err := l.server.Shutdown(ctx)
	if err != nil {
		err = errors.Join(err, l.server.Close())
	}
	<-l.done
	return err
}

func checkLoopback(address string) error {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("dev server: %w", err)
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return fmt.Errorf("address %q: %w", address, ErrNotLoopback)
	}
	return nil
}

// tlsConfig returns nil without TLS.
func (l *Listener) tlsConfig(s *Server, o ListenOptions) (*tls.Config, error) {
	if !o.TLS && o.TLSCert == nil && o.ClientCA == nil {
		return nil, nil
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12, ClientAuth: tls.RequestClientCert, NextProtos: []string{"http/1.1"}}
	var cert tls.Certificate
	var err error
	if o.TLSCert != nil {
		cert, err = tls.X509KeyPair(o.TLSCert, o.TLSKey)
	} else {
		cert, l.CA, err = newLocalCertificate(s.wallClock())
	}
	if err != nil {
		return nil, fmt.Errorf("dev server: %w", err)
	}
	config.Certificates = []tls.Certificate{cert}
	if o.ClientCA != nil {
		config.ClientAuth, config.ClientCAs = tls.RequireAndVerifyClientCert, x509.NewCertPool()
		config.Time = s.now
		if !config.ClientCAs.AppendCertsFromPEM(o.ClientCA) {
			return nil, errors.New("dev server: no certificate in the client CA")
		}
	}
	return config, nil
}
