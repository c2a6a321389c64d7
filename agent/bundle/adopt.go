// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package bundle

import (
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/vault/api"

	"github.com/certagent/certagent/agent/inspect"
	"github.com/certagent/certagent/safefile"
	"github.com/certagent/certagent/vaultreq"
)

// Adopter finds certificates that pkiCert templates have written to their
// destinations, so that they are not issued again, as in consul-template.
type Adopter struct {
	mu           sync.Mutex
	destinations map[vaultreq.Request][]string
}

// add records that a member's destination may hold the answers to requests.
func (a *Adopter) add(m *templateMember, requests []vaultreq.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.destinations == nil {
		a.destinations = make(map[vaultreq.Request][]string)
	}
	for _, r := range requests {
		if r.Kind == vaultreq.Certificate && m.variable == "" {
			a.destinations[r] = append(a.destinations[r], m.file.Path)
		}
	}
}

// Adopt returns the certificate in the first destination that holds a certificate
// with its key and with the requested names.
func (a *Adopter) Adopt(r vaultreq.Request) (*api.Secret, bool) {
	for _, path := range a.known(r) {
		content, err := safefile.Read(path, safefile.MaxPEM)
		if err != nil {
			continue
		}
		report, err := inspect.Inspect([]inspect.File{{Path: path, Content: content}}, time.Now())
		if err != nil || len(report.Leaves) != 1 || len(report.Keys) != 1 {
			continue
		}
		leaf := report.Leaves[0].Certificate
		if asked(r, leaf) {
			return issueAnswer(content, leaf), true
		}
	}
	return nil, false
}

func (a *Adopter) known(r vaultreq.Request) []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.destinations[r])
}

// asked reports whether the certificate has the names in the request.
func asked(r vaultreq.Request, leaf *x509.Certificate) bool {
	var params map[string]string
	if json.Unmarshal([]byte(r.Params), &params) != nil {
		return false
	}
	if cn := params["common_name"]; cn != "" && cn != leaf.Subject.CommonName {
		return false
	}
	for _, name := range strings.FieldsFunc(params["alt_names"], func(c rune) bool { return c == ',' || c == ' ' }) {
		if !slices.Contains(leaf.DNSNames, name) && !slices.Contains(leaf.EmailAddresses, name) {
			return false
		}
	}
	for _, ip := range strings.FieldsFunc(params["ip_sans"], func(c rune) bool { return c == ',' || c == ' ' }) {
		if leaf.VerifyHostname(ip) != nil {
			return false
		}
	}
	return true
}

// issueAnswer returns the PEM blocks of a file in the form of Vault's answer.
func issueAnswer(content []byte, leaf *x509.Certificate) *api.Secret {
	data := map[string]any{"expiration": json.Number(strconv.FormatInt(leaf.NotAfter.Unix(), 10))}
	var chain []any
	for block, rest := pem.Decode(content); block != nil; block, rest = pem.Decode(rest) {
		text := strings.TrimSpace(string(pem.EncodeToMemory(block)))
		switch {
		case strings.HasSuffix(block.Type, "PRIVATE KEY"):
			data["private_key"] = text
		case string(block.Bytes) == string(leaf.Raw):
			data["certificate"] = text
		case block.Type == "CERTIFICATE" && !slices.Contains(chain, any(text)):
			chain = append(chain, text)
		}
	}
	if len(chain) > 0 {
		data["issuing_ca"] = chain[0]
		data["ca_chain"] = chain
	}
	return &api.Secret{Data: data}
}
