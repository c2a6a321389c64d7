// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package pki

import (
	"crypto/x509"
	"encoding/hex"
	"net/http"
	"strings"
	"time"

	"github.com/certagent/certagent/dev/internal/backend"
)

// byDefault returns the certificate of the default issuer and its chain. It returns
// nil if no issuer can sign.
func (p *PKI) byDefault() []*x509.Certificate {
	_, chain, err := p.issuer("default")
	if err != nil {
		return nil
	}
	return chain
}

var empty = &backend.Response{Status: http.StatusNoContent}

func (p *PKI) readCA(r *backend.Request) (*backend.Response, error) {
	chain := p.byDefault()
	switch {
	case chain == nil:
		return empty, nil
	case strings.HasSuffix(r.Path, "/pem"):
		return rawPEM("application/pem-certificate-chain", chain[:1]), nil
	}
	return &backend.Response{Raw: chain[0].Raw, ContentType: "application/pkix-cert"}, nil
}

func (p *PKI) readCAChain(*backend.Request) (*backend.Response, error) {
	chain := p.byDefault()
	if chain == nil {
		return empty, nil
	}
	return rawPEM("application/pkix-cert", chain), nil
}

func (p *PKI) readCert(r *backend.Request) (*backend.Response, error) {
	serial := r.Params["serial"]
	data := map[string]any{"revocation_time": 0, "revocation_time_rfc3339": ""}
	switch serial {
	case "ca", "ca_chain", "crl":
		_, chain, err := p.issuer("default")
		if err != nil {
			return nil, err
		}
		text := string(rawPEM("", chain).Raw)
		switch serial {
		case "ca":
			text = encodePEM("CERTIFICATE", chain[0].Raw)
		case "ca_chain":
			data["ca_chain"] = text
		case "crl":
			crl, err := p.makeCRL(r.Now)
			if err != nil {
				return nil, err
			}
			text = encodePEM("X509 CRL", crl)
		}
		data["certificate"] = text
		return backend.Data(data)
	}
	if _, err := hex.DecodeString(strings.ReplaceAll(normalSerial(serial), ":", "")); err != nil {
		return nil, backend.Errorf(http.StatusNotFound, "unsupported path")
	}
	rec, ok := p.issued.get(serial)
	if !ok {
		return nil, nil
	}
	data["certificate"] = encodePEM("CERTIFICATE", rec.der)
	if !rec.revoked.IsZero() {
		data["revocation_time"], data["revocation_time_rfc3339"] = rec.revoked.Unix(), rec.revoked.UTC().Format(time.RFC3339Nano)
		data["issuer_id"] = rec.issuerID
	}
	return backend.Data(data)
}

func (p *PKI) readCertRaw(r *backend.Request) (*backend.Response, error) {
	der := []byte(nil)
	if r.Params["serial"] == "ca" {
		if chain := p.byDefault(); chain != nil {
			der = chain[0].Raw
		}
	} else if rec, ok := p.issued.get(r.Params["serial"]); ok {
		der = rec.der
	}
	switch {
	case der == nil:
		return empty, nil
	case strings.HasSuffix(r.Path, "/pem"):
		return &backend.Response{Raw: []byte(encodePEM("CERTIFICATE", der)), ContentType: "application/pem-certificate-chain"}, nil
	}
	return &backend.Response{Raw: der, ContentType: "application/pkix-cert"}, nil
}

func (p *PKI) listCerts(*backend.Request) (*backend.Response, error) {
	return backend.Keys(p.issued.serials(false))
}

func (p *PKI) listRevoked(*backend.Request) (*backend.Response, error) {
	return backend.Keys(p.issued.serials(true))
}
