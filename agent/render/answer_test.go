// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package render

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/consul-template/dependency"
	"github.com/hashicorp/vault/api"

	"github.com/certagent/certagent/vaultreq"
)

// issued is what Vault answers to pki/issue: texts without a final line feed.
func issued(t *testing.T) map[string]any {
	t.Helper()
	newKey := func() *ecdsa.PrivateKey {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		return key
	}
	encode := func(kind string, der []byte, err error) string {
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimSpace(string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})))
	}
	caKey, key := newKey(), newKey()
	ca := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "ca"}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	leaf := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "web"}, NotBefore: ca.NotBefore, NotAfter: ca.NotAfter}
	caDER, err := x509.CreateCertificate(rand.Reader, ca, ca, &caKey.PublicKey, caKey)
	caPEM := encode("CERTIFICATE", caDER, err)
	leafDER, err := x509.CreateCertificate(rand.Reader, leaf, ca, &key.PublicKey, caKey)
	leafPEM := encode("CERTIFICATE", leafDER, err)
	keyDER, err := x509.MarshalECPrivateKey(key)
	return map[string]any{
		"certificate": leafPEM, "issuing_ca": caPEM, "ca_chain": []any{caPEM}, "serial_number": "02",
		"private_key": encode("EC PRIVATE KEY", keyDER, err), "private_key_type": "ec", "expiration": json.Number("1"),
	}
}

func TestPKICert(t *testing.T) {
	answer := issued(t)
	cert, key, ca := answer["certificate"].(string), answer["private_key"].(string), answer["issuing_ca"].(string)
	intermediate := issued(t)["issuing_ca"].(string)
	change := func(changes map[string]any) map[string]any {
		changed := clone(answer).(map[string]any)
		for name, value := range changes {
			if changed[name] = value; value == nil {
				delete(changed, name)
			}
		}
		return changed
	}
	full := dependency.PemEncoded{Cert: cert + "\n", Key: key + "\n", CA: ca + "\n", CAChain: []string{ca + "\n"}}
	noKey := full
	noKey.Key = ""
	chain := full
	chain.CA, chain.CAChain = intermediate+"\n", []string{intermediate + "\n", ca + "\n"}
	for _, c := range []struct {
		name string
		data map[string]any
		want dependency.PemEncoded
	}{
		{"issue", answer, full},
		{"sign", change(map[string]any{"private_key": nil}), noKey},
		{"bundle", change(map[string]any{"certificate": key + "\n" + cert + "\n" + ca}), full},
		{"no chain", change(map[string]any{"ca_chain": nil}), full},
		{"no issuer", change(map[string]any{"issuing_ca": nil}), full},
		{"intermediate", change(map[string]any{"issuing_ca": intermediate, "ca_chain": []any{intermediate, ca}}), chain},
		{"carriage returns", change(map[string]any{"certificate": strings.ReplaceAll(cert, "\n", "\r\n")}), full},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, err := certificate(&api.Secret{Data: c.data})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
	for name, secret := range map[string]*api.Secret{
		"nothing": nil, "no data": {}, "der": {Data: change(map[string]any{"certificate": "MIIB"})},
	} {
		if _, err := certificate(secret); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestPKICertInTemplate(t *testing.T) {
	answer := issued(t)
	request := write(vaultreq.Certificate, "pki/issue/web", map[string]string{"common_name": "web"})
	w := &world{secrets: map[vaultreq.Request]*api.Secret{request: {Data: answer}}}
	in := text(`{{ with pkiCert "pki/issue/web" "common_name=web" }}{{ .Cert }}{{ .Data.Key }}{{ .CA }}{{ range .CAChain }}{{ . }}{{ end }}{{ end }}`)
	want := ""
	for _, field := range []string{"certificate", "private_key", "issuing_ca", "issuing_ca"} {
		want += answer[field].(string) + "\n"
	}
	if got := string(rendered(t, in, w).Output); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if got := rendered(t, text(`{{ with pkiCert }}x{{ else }}none{{ end }}`), w); string(got.Output) != "none" {
		t.Errorf("without a path: %q", []byte(got.Output))
	}
}

// What consul-template makes of the same answer, asked of a server, is the same.
func TestPKICertAgreesWithConsulTemplate(t *testing.T) {
	dependency.VaultLeaseRenewalThreshold = 0.9
	answer := issued(t)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if err := json.NewEncoder(w).Encode(map[string]any{"data": answer}); err != nil {
			t.Error(err)
		}
	}))
	defer server.Close()
	clients := dependency.NewClientSet()
	defer clients.Stop()
	if err := clients.CreateVaultClient(&dependency.CreateVaultClientInput{Address: server.URL, Token: "t"}); err != nil {
		t.Fatal(err)
	}
	query, err := dependency.NewVaultPKIQuery("pki/issue/web", t.TempDir()+"/none", nil)
	if err != nil {
		t.Fatal(err)
	}
	want, _, err := query.Fetch(clients, nil)
	if err != nil {
		t.Fatal(err)
	}
	got, err := certificate(&api.Secret{Data: answer})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, any(got)); diff != "" {
		t.Error(diff)
	}
}
