// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package secrets

import (
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"testing"
	"time"

	"github.com/certagent/certagent/vaultreq"
)

// TestWindow is each form in which Vault gives a certificate, and what is none.
func TestWindow(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	issued := ca.issueAt(noon, noon.Add(time.Hour))
	leaf := issued["certificate"].(string)
	block, _ := pem.Decode([]byte(leaf))
	key := string(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: []byte("x")}))
	root := ca.issueAt(noon.Add(-time.Hour), noon.Add(99*time.Hour))["certificate"].(string)
	late := json.Number("1893506400") // two hours after noon
	issue := vaultreq.Request{Kind: vaultreq.Write, Path: "pki/issue/web", Params: "{}"}
	for _, tt := range []struct {
		name        string
		request     vaultreq.Request
		certificate any
		expiration  any
		want        time.Duration // NotAfter, after noon; never for none
		parsed      bool
	}{
		{"PEM", issue, leaf, late, time.Hour, true},
		{"PEM without expiration", issue, leaf, nil, time.Hour, true},
		{"bundle: key, leaf, chain", issue, key + leaf + root, late, time.Hour, true},
		{"DER", issue, base64.StdEncoding.EncodeToString(block.Bytes), late, time.Hour, true},
		{"not to be parsed", issue, "-----BEGIN CERTIFICATE-----", late, 2 * time.Hour, false},
		{"not to be parsed, in PEM", issue, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("x")})), late, 2 * time.Hour, false},
		{"expiration of something else", vaultreq.Request{Kind: vaultreq.Read, Path: "kv/foo", Params: ""}, nil, late, never, false},
		{"static secret with a certificate", vaultreq.Request{Kind: vaultreq.Read, Path: "kv/foo", Params: ""}, leaf, nil, never, false},
		{"certificate that was read, with expiration", vaultreq.Request{Kind: vaultreq.Read, Path: "pki/cert/1", Params: ""}, leaf, late, time.Hour, true},
		{"pkiCert's", vaultreq.Request{Kind: vaultreq.Certificate, Path: "pki/sign/web", Params: "{}"}, leaf, nil, time.Hour, true},
		{"number in place of a certificate", issue, 7, nil, never, false},
	} {
		fields := map[string]any{}
		if tt.certificate != nil {
			fields["certificate"] = tt.certificate
		}
		if tt.expiration != nil {
			fields["expiration"] = tt.expiration
		}
		w := windowOf(tt.request, fields, noon)
		if w.present() != (tt.want != never) || w.present() && !w.notAfter.Equal(noon.Add(tt.want)) || (w.serial != "") != tt.parsed {
			t.Errorf("%s: until %v, serial %q", tt.name, w.notAfter, w.serial)
		}
	}
}
