// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package secrets

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"math"
	"time"

	"github.com/certagent/certagent/vaultreq"
)

// window is the validity of the certificate in an answer; the zero value means
// that there is none.
type window struct {
	notBefore, notAfter time.Time
	serial              string // "" if the validity is not from the certificate itself
}

func (w window) present() bool           { return !w.notAfter.IsZero() }
func (w window) lifetime() time.Duration { return w.notAfter.Sub(w.notBefore) }

// windowOf returns the validity of the certificate in an answer. As in Vault Agent, the
// answer to a request that does not issue a certificate counts only if it has an
// expiration, because a static secret may have a field named certificate.
func windowOf(r vaultreq.Request, data map[string]any, asked time.Time) window {
	expiration, ok := number(data["expiration"])
	if !ok && r.Kind != vaultreq.Certificate && !(r.Kind == vaultreq.Write && issuesKey(r.Path)) {
		return window{}
	}
	w := certificateWindow(data)
	if !w.present() && ok && data["certificate"] != nil {
		w = window{notBefore: asked, notAfter: time.Unix(expiration, 0)}
	}
	return w
}

// certificateWindow reads the validity from the certificate itself, which may be shorter
// than requested. The field may contain PEM, a PEM bundle, or DER in base64 (the format
// parameter of pki/issue).
func certificateWindow(data map[string]any) window {
	text, _ := data["certificate"].(string)
	leaf := parseLeaf(text)
	if leaf == nil {
		return window{}
	}
	return window{leaf.NotBefore, leaf.NotAfter, leaf.SerialNumber.Text(16)}
}

func parseLeaf(text string) *x509.Certificate {
	for rest := []byte(text); ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			continue
		}
		if leaf, err := x509.ParseCertificate(block.Bytes); err == nil {
			return leaf
		}
		return nil
	}
	der, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(der) == 0 {
		return nil
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return nil
	}
	return leaf
}

// number returns a whole number from the data of an answer: a json.Number from Vault, or
// a Go number of an adopted answer.
func number(v any) (int64, bool) {
	switch v := v.(type) {
	case json.Number:
		n, err := v.Int64()
		return n, err == nil
	case int:
		return int64(v), true
	case int64:
		return v, true
	case float64:
		return int64(v), v >= math.MinInt64 && v < math.MaxInt64
	}
	return 0, false
}

// seconds returns n seconds, or the longest duration.
func seconds(n int64) time.Duration {
	if n > math.MaxInt64/int64(time.Second) {
		return math.MaxInt64
	}
	return time.Duration(max(n, 0)) * time.Second
}
