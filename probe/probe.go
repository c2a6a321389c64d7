// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

// Package probe tells which certificate a server serves, by beginning a TLS
// connection as a client would. What a server presents to a new connection is
// the only proof that a rotation has reached it.
//
// It refuses to judge a certificate: whether it is trusted or in date is for the
// caller to decide; Verify asks only whether it is the wanted one. It never logs
// in, and sends nothing over the connection but what a protocol demands before
// TLS begins.
package probe

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"time"
)

// ErrUnreachable means that no connection to the address came about.
var ErrUnreachable = errors.New("unreachable")

// Leaf returns the certificate that the server serves now. It never resumes a
// session, which would show an old one.
//
// A server that refuses us, for example because it demands a certificate from
// its clients, has told what it serves by then: that is no error. Leaf fails
// with ErrUnreachable if the server cannot be connected to before ctx's
// deadline, otherwise with what went wrong before or in the handshake, or with
// the context's cause.
func Leaf(ctx context.Context, t Target) (*x509.Certificate, error) {
	leaf, err := t.leaf(ctx)
	if err != nil {
		return nil, fmt.Errorf("probe %q: %w", t.Address, err)
	}
	return leaf, nil
}

func (t Target) leaf(ctx context.Context) (*x509.Certificate, error) {
	if err := t.Validate(); err != nil {
		return nil, err
	}
	conn, err := t.dial(ctx)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	// Reads and writes before TLS know no context: let them fail when it ends.
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	if err := t.prepare(conn); err != nil {
		return nil, orCause(ctx, err)
	}
	return t.handshake(ctx, conn)
}

func (t Target) dial(ctx context.Context) (net.Conn, error) {
	network, address := t.network()
	conn, err := new(net.Dialer).DialContext(ctx, network, address)
	switch {
	case err != nil && errors.Is(ctx.Err(), context.Canceled): // the caller gave up
		return nil, context.Cause(ctx)
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	return conn, nil
}

// prepare says what the server has to hear before TLS begins.
func (t Target) prepare(conn net.Conn) error {
	if t.ProxyProtocol != 0 {
		header := proxyHeader(t.ProxyProtocol, conn.LocalAddr(), conn.RemoteAddr())
		if _, err := conn.Write(header); err != nil {
			return fmt.Errorf("PROXY header: %w", err)
		}
	}
	if start := exchanges[t.StartTLS]; start != nil {
		if err := start(conn); err != nil {
			return fmt.Errorf("starttls %q: %w", t.StartTLS, err)
		}
	}
	return nil
}

// handshake does one over the connection and closes it.
func (t Target) handshake(ctx context.Context, conn net.Conn) (*x509.Certificate, error) {
	var leaf *x509.Certificate
	client := tls.Client(conn, t.config(&leaf))
	err := client.HandshakeContext(ctx)
	switch {
	case err == nil:
		client.Close() // says good-bye, so that the server logs no error
		return leaf, nil
	case leaf != nil && isRefusal(err):
		return leaf, nil
	default:
		return nil, fmt.Errorf("TLS handshake: %w", orCause(ctx, explain(err)))
	}
}

// orCause returns why the context has ended if it has: err is only what came of
// that. Otherwise it returns err.
func orCause(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// Fingerprint identifies a certificate: the SHA-256 of its DER form, in
// hexadecimal.
func Fingerprint(c *x509.Certificate) string {
	sum := sha256.Sum256(c.Raw)
	return hex.EncodeToString(sum[:])
}
