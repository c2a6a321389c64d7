// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package acceptance

import (
	"bytes"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

// patterns match text that differs between runs.
var patterns = []struct {
	re   *regexp.Regexp
	with string
}{
	{regexp.MustCompile(`hv[sb]\.[A-Za-z0-9_-]+`), "<token>"},
	{regexp.MustCompile(`root-of-[A-Za-z0-9_-]+`), "<token>"},
	{regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`), "<uuid>"},
	{regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z`), "<time>"},
	{regexp.MustCompile(`([0-9a-f]{2}:){12,19}[0-9a-f]{2}`), "<serial>"},
	{regexp.MustCompile(`^(pki|[a-z-]+)/(.*)/[A-Za-z0-9]{24}$`), "$1/$2/<lease>"},
	{regexp.MustCompile(`^[A-Za-z0-9]{24}$`), "<accessor>"},
	{regexp.MustCompile(`^v?[0-9.]+\+builtin(\.vault)?$|^v1\.21\.0\+certagent\.dev$`), "<version>"},
	{regexp.MustCompile(`^(auth_)?[a-z]+_[0-9A-Fa-f]{8}$`), "<mount accessor>"},
}

// numbers are the fields whose values depend on the time.
var numbers = []string{
	"creation_time", "expiration", "last_renewal_time", "revocation_time", "server_time_utc", "ttl",
	"request_id", "cluster_name", "cluster_id", "build_date", "replication_primary_canary_age_ms",
}

// normalize formats an answer so that the answers of two servers can be compared.
func normalize(body []byte, ignore []string) string {
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	var value any
	if err := d.Decode(&value); err != nil {
		return strings.TrimSpace(scrub(string(body)))
	}
	for _, path := range ignore {
		remove(value, strings.Split(strings.TrimPrefix(path, "."), "."))
	}
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(clean("", value)); err != nil {
		return err.Error()
	}
	return strings.TrimSpace(out.String())
}

// remove removes the field of a path. A * in the path matches any field.
func remove(value any, path []string) {
	fields, ok := value.(map[string]any)
	if !ok {
		return
	}
	for name := range fields {
		if path[0] != "*" && path[0] != name {
			continue
		}
		if len(path) == 1 {
			delete(fields, name)
		} else {
			remove(fields[name], path[1:])
		}
	}
}

func clean(name string, value any) any {
	switch value := value.(type) {
	case map[string]any:
		out := make(map[string]any)
		for field, v := range value {
			out[scrub(field)] = clean(field, v)
		}
		return out
	case []any:
		out := make([]any, len(value))
		for i := range value {
			out[i] = clean(name, value[i])
		}
		if name == "keys" || name == "warnings" { // the order has no meaning
			slices.SortFunc(out, func(a, b any) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
		}
		return out
	case string:
		if slices.Contains(numbers, name) && value != "" {
			return "<" + name + ">"
		}
		return scrub(value)
	case json.Number:
		if slices.Contains(numbers, name) && value != "0" {
			return "<" + name + ">"
		}
		// A lease ends with the certificate, at a full second.
		if n, err := value.Int64(); name == "lease_duration" && err == nil && n > 300 {
			return (n + 5) / 10 * 10
		}
	}
	return value
}

// scrub replaces text that differs between runs with placeholders, and PEM blocks
// with descriptions.
func scrub(text string) string {
	if block, rest := pem.Decode([]byte(text)); block != nil {
		parts := []string{describe(block)}
		for block, rest = pem.Decode(rest); block != nil; block, rest = pem.Decode(rest) {
			parts = append(parts, describe(block))
		}
		if strings.HasSuffix(text, "\n") {
			parts = append(parts, "")
		}
		return strings.Join(parts, "\n")
	}
	for _, p := range patterns {
		text = p.re.ReplaceAllString(text, p.with)
	}
	return text
}

func describe(block *pem.Block) string {
	switch block.Type {
	case "CERTIFICATE":
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return err.Error()
		}
		return "<certificate: " + describeCert(cert) + ">"
	case "X509 CRL":
		crl, err := x509.ParseRevocationList(block.Bytes)
		if err != nil {
			return err.Error()
		}
		return fmt.Sprintf("<crl: by %s, %d revoked, valid %s>", crl.Issuer, len(crl.RevokedCertificateEntries), crl.NextUpdate.Sub(crl.ThisUpdate))
	}
	return "<" + block.Type + ">"
}

func describeCert(c *x509.Certificate) string {
	kind := fmt.Sprintf("%v", c.PublicKeyAlgorithm)
	if c.IsCA {
		kind += " CA"
	}
	parts := []string{
		kind, c.Subject.String(), "by " + c.Issuer.String(), "valid " + c.NotAfter.Sub(c.NotBefore).Round(10*time.Second).String(),
		fmt.Sprintf("usage %b", c.KeyUsage),
	}
	add := func(name string, value any, empty bool) {
		if !empty {
			parts = append(parts, fmt.Sprint(name, " ", value))
		}
	}
	add("extended", c.ExtKeyUsage, len(c.ExtKeyUsage) == 0)
	add("dns", c.DNSNames, len(c.DNSNames) == 0)
	add("email", c.EmailAddresses, len(c.EmailAddresses) == 0)
	add("ip", c.IPAddresses, len(c.IPAddresses) == 0)
	add("uri", c.URIs, len(c.URIs) == 0)
	add("policies", c.Policies, len(c.Policies) == 0)
	add("aia", c.IssuingCertificateURL, len(c.IssuingCertificateURL) == 0)
	add("crl", c.CRLDistributionPoints, len(c.CRLDistributionPoints) == 0)
	var ids []string
	for _, ext := range c.Extensions {
		id := ext.Id.String()
		if ext.Critical {
			id += "!"
		}
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return strings.Join(append(parts, "extensions "+strings.Join(ids, " ")), "; ")
}
