// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

// Package probe tells which certificate a server serves, by beginning a TLS
// connection as a client would. What a server presents to a new connection is
// the only proof that a rotation has reached it.
//
// It refuses to judge: whether the certificate is trusted, in date or the one
// on disk is for the caller to decide. It sends nothing over the connection.
package probe

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"
)

// ErrUnreachable means that no connection to the address came about.
var ErrUnreachable = errors.New("unreachable")

// Target is a server to ask.
type Target struct {
	Address string // host:port
	// ServerName is the name that the server is asked for (SNI). If it is
	// empty, it is the address's host, unless that is an IP address: then the
	// server is not told a name.
	ServerName string
	// Certificate is shown to a server that asks for one; nil shows none.
	Certificate *tls.Certificate
}

// Leaf returns the certificate that the server serves now. It never resumes a
// session, which would show an old one.
//
// A server that refuses us, for example because it demands a certificate from
// its clients, has told what it serves by then: that is no error. Leaf fails
// with ErrUnreachable if the server cannot be connected to before ctx's
// deadline, otherwise with what went wrong in the handshake, or with the
// context's error.
func Leaf(ctx context.Context, t Target) (*x509.Certificate, error) {
	host, _, err := net.SplitHostPort(t.Address)
	if err != nil {
		return nil, fmt.Errorf("probe %q: %w", t.Address, err)
	}
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", t.Address)
	switch {
	case err != nil && errors.Is(ctx.Err(), context.Canceled): // the caller gave up
		return nil, fmt.Errorf("probe %q: %w", t.Address, ctx.Err())
	case err != nil:
		return nil, fmt.Errorf("probe %q: %w: %w", t.Address, ErrUnreachable, err)
	}
	defer conn.Close()

	var leaf *x509.Certificate
	client := tls.Client(conn, t.config(host, &leaf))
	err = client.HandshakeContext(ctx)
	switch {
	case err == nil:
		client.Close() // says good-bye, so that the server logs no error
		return leaf, nil
	case leaf != nil && isRefusal(err):
		return leaf, nil
	default:
		return nil, fmt.Errorf("probe %q: TLS handshake: %w", t.Address, explain(err))
	}
}

func (t Target) config(host string, leaf **x509.Certificate) *tls.Config {
	config := &tls.Config{
		ServerName:             t.ServerName,
		InsecureSkipVerify:     true, // to see which certificate is served, also if it is a bad one
		SessionTicketsDisabled: true,
		VerifyConnection: func(s tls.ConnectionState) error {
			*leaf = s.PeerCertificates[0]
			return nil
		},
	}
	if config.ServerName == "" {
		config.ServerName = host
	}
	if t.Certificate != nil {
		// Not Certificates: from those crypto/tls would withhold one whose
		// issuer the server does not name.
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			return t.Certificate, nil
		}
	}
	return config
}

// isRefusal reports whether the server broke off, and not we. When we do, it is
// because the server could not prove that it has the certificate's key.
func isRefusal(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "remote error" || // the server's alert
		errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

func explain(err error) error {
	var header tls.RecordHeaderError
	switch {
	case errors.As(err, &header):
		return fmt.Errorf("the server does not speak TLS: %w", err)
	case errors.Is(err, io.EOF):
		return fmt.Errorf("the server closed the connection: %w", err)
	}
	return err
}

// Fingerprint identifies a certificate: the SHA-256 of its DER form, in
// hexadecimal.
func Fingerprint(c *x509.Certificate) string {
	sum := sha256.Sum256(c.Raw)
	return hex.EncodeToString(sum[:])
}
