// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package probe

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"
)

func (t Target) config(leaf **x509.Certificate) *tls.Config {
	config := &tls.Config{
		ServerName:             t.serverName(),
		InsecureSkipVerify:     true, // to see which certificate is served, even an invalid one
		SessionTicketsDisabled: true,
		VerifyConnection: func(s tls.ConnectionState) error {
			*leaf = s.PeerCertificates[0]
			return nil
		},
	}
	if t.Certificate != nil {
		// From Certificates, crypto/tls would not send one whose issuer the server does
		// not name.
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			return t.Certificate, nil
		}
	}
	if t.KeyAlgorithm != x509.UnknownPublicKeyAlgorithm {
		// In TLS 1.3 only the signature algorithms select a kind of key, and crypto/tls
		// always offers all of them.
		config.MaxVersion, config.CipherSuites = tls.VersionTLS12, suites(t.KeyAlgorithm)
	}
	return config
}

// suites returns the cipher suites of TLS 1.2 for certificates with a kind of key (RFC
// 8422, sections 2.2 and 5.10), or nil if there are none.
func suites(key x509.PublicKeyAlgorithm) []uint16 {
	var prefix string
	switch key {
	case x509.RSA:
		prefix = "TLS_ECDHE_RSA_"
	case x509.ECDSA, x509.Ed25519:
		prefix = "TLS_ECDHE_ECDSA_"
	default:
		return nil
	}
	var ids []uint16
	for _, suite := range tls.CipherSuites() {
		if strings.HasPrefix(suite.Name, prefix) {
			ids = append(ids, suite.ID)
		}
	}
	return ids
}

// isRefusal reports whether the server, not the client, ended the handshake. The client
// ends it if the server cannot prove that it has the key of the certificate.
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
