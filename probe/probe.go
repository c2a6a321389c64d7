// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

// Package probe finds out which certificate a server serves, by starting a TLS
// connection as a client would. Only a new connection proves that a rotation has
// reached the server.
//
// It does not validate a certificate: the caller decides whether it is trusted and in
// date; Verify only compares it with the wanted one. It does not log in, and before TLS
// begins it sends only what the protocol requires.
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

// ErrUnreachable is the error if no connection to the address could be made.
var ErrUnreachable = errors.New("unreachable")

// Leaf returns the certificate that the server serves now. It does not resume a
// session, in which the server would not send its certificate.
//
// If the server rejects the handshake after it has sent its certificate, for example
// because it requires a client certificate, that is no error. The error wraps
// ErrUnreachable if no connection could be made before the deadline of ctx; otherwise
// it says what failed before or during the handshake, or is the cause of ctx.
func Leaf(ctx context.Context, t Target) (*x509.Certificate, error) {
	leaf, err := t.leaf(ctx)
	if err != nil {
		return nil, fmt.Errorf("probe %q: %w", t.Address, err)
	}
	return leaf, nil
}

// Listening reports whether a server accepts connections on an address, which is that of
// a Target. It sends nothing.
func Listening(ctx context.Context, address string) bool {
	conn, err := Target{Address: address}.dial(ctx)
	if err != nil {
		return false
	}
	conn.Close()
	return true
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
	// Reads and writes before TLS take no context: make them fail when it ends.
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
	case err != nil && errors.Is(ctx.Err(), context.Canceled): // by the caller
		return nil, context.Cause(ctx)
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	return conn, nil
}

// prepare sends what the server expects before TLS begins.
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

// handshake does a TLS handshake over the connection and closes it.
func (t Target) handshake(ctx context.Context, conn net.Conn) (*x509.Certificate, error) {
	var leaf *x509.Certificate
	client := tls.Client(conn, t.config(&leaf))
	err := client.HandshakeContext(ctx)
	switch {
	case err == nil:
		client.Close() // sends close_notify, so that the server logs no error
		return leaf, nil
	case leaf != nil && isRefusal(err):
		return leaf, nil
	default:
		return nil, fmt.Errorf("TLS handshake: %w", orCause(ctx, explain(err)))
	}
}

// orCause returns the cause of ctx if ctx has ended, because err is then only a
// consequence. Otherwise it returns err.
func orCause(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// Fingerprint returns the SHA-256 of a certificate's DER form, in hexadecimal.
func Fingerprint(c *x509.Certificate) string {
	sum := sha256.Sum256(c.Raw)
	return hex.EncodeToString(sum[:])
}
