// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package inspect

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/certagent/certagent/redact"
)

func TestTextsAroundAndWithinPEM(t *testing.T) {
	t.Parallel()
	ca, key := newCA(t, "ca", 1, nil), newKey(t)
	web := sign(t, leaf("web", 2), key, ca)
	all := web.pem + keyPEM(t, key) + ca.pem
	indented := "    " + strings.ReplaceAll(all, "\n", "\n    ")
	escaped, err := json.Marshal(map[string]string{"pem": all})
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"plain":              all,
		"CRLF":               strings.ReplaceAll(all, "\n", "\r\n"),
		"CR":                 strings.ReplaceAll(all, "\n", "\r"),
		"BOM":                "\xef\xbb\xbf" + all,
		"blank lines":        strings.ReplaceAll(all, "\n", "\n\n"),
		"space at line ends": strings.ReplaceAll(all, "\n", " \t\n"),
		"no line ends":       strings.ReplaceAll(strings.ReplaceAll(strings.ReplaceAll(all, "\n", ""), "-----BEGIN", "\n-----BEGIN"), "-----END", "\n-----END"),
		"no final line end":  strings.TrimSpace(all),
		"text around":        "Subject: web\n" + strings.ReplaceAll(all, "-----BEGIN", "\nnext: \n-----BEGIN") + "trailing -----BEGIN junk",
		"headers":            strings.ReplaceAll(all, "CERTIFICATE-----\nMII", "CERTIFICATE-----\nName: value\n\nMII"),
		"YAML":               "pem: |\n" + indented,
		"JSON":               string(escaped),
		"twice":              all + all,
		"unknown blocks":     "-----BEGIN DH PARAMETERS-----\nAAAA\n-----END DH PARAMETERS-----\n-----BEGIN CERTIFICATE REQUEST-----\n-----END CERTIFICATE REQUEST-----\n" + all,
		"NUL":                all + "\x00",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			report, err := Inspect(files("f", text), noon)
			if got := summary(report); err != nil || got != "web@f+key|f" {
				t.Errorf("got %s, %v", got, err)
			}
		})
	}
}

func TestDamagedPEM(t *testing.T) {
	t.Parallel()
	web := sign(t, leaf("web", 1), newKey(t), nil)
	whole := func(body string) string {
		return "-----BEGIN CERTIFICATE-----\n" + body + "\n-----END CERTIFICATE-----\n"
	}
	for _, c := range []struct{ name, text, want string }{
		{"cut short", web.pem[:100], "f: PEM block 1 (CERTIFICATE) is damaged: the END line is missing"},
		{"next begins before it ends", web.pem[:100] + "\n" + web.pem, "f: PEM block 1 (CERTIFICATE) is damaged: the END line is missing"},
		{"second", web.pem + whole("AAAA"), "f: PEM block 2 (CERTIFICATE) is damaged: x509: malformed certificate"},
		{"other end", strings.Replace(web.pem, "END CERTIFICATE", "END PRIVATE KEY", 1), "f: PEM block 1 (CERTIFICATE) is damaged: the END line is missing"},
		{"no base64", whole("<no value>"), "f: PEM block 1 (CERTIFICATE) is damaged: it is not base64"},
		{"nothing", whole(""), "f: PEM block 1 (CERTIFICATE) is damaged: it is empty"},
		{"after a BOM", "\xef\xbb\xbf" + whole("AA"), "f: PEM block 1 (CERTIFICATE) is damaged: it is not base64"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if _, err := Inspect(files("f", c.text), noon); err == nil || !strings.HasPrefix(err.Error(), c.want) {
				t.Errorf("got  %v\nwant %s", err, c.want)
			}
		})
	}
}

func TestExamplesInConfigurationAreNoConcern(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"# -----BEGIN CERTIFICATE-----\n# ...\n# -----END CERTIFICATE-----\n",
		"  -----BEGIN RSA PRIVATE KEY-----\n  paste here\n  -----END RSA PRIVATE KEY-----\n",
		`match "-----BEGIN PRIVATE KEY-----"`,
		"-----BEGIN a line\nthat is no label-----",
		"-----BEGIN ",
	} {
		if report, err := Inspect(files("f", text), noon); err != nil || summary(report) != "|" {
			t.Errorf("%q: %s, %v", text, summary(report), err)
		}
	}
}

func TestBlocksCanBeLeftEarly(t *testing.T) {
	t.Parallel()
	text := strings.Repeat("-----BEGIN X-----\nAAAA\n-----END X-----\n", 3)
	for range blocks([]byte(text)) {
		break
	}
	if n := len(slices.Collect(blocks([]byte(text)))); n != 3 {
		t.Errorf("%d blocks", n)
	}
}

// A template that forgets the line break makes a file that no server can read.
func TestBlocksJoinedOnOneLineAreRefused(t *testing.T) {
	t.Parallel()
	content := "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE----------BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"
	_, err := Inspect([]File{{Path: "tls.pem", Content: redact.Bytes(content)}}, time.Now())
	if err == nil || !strings.Contains(err.Error(), "tls.pem: no line break between two PEM blocks") {
		t.Errorf("got %v", err)
	}
}
