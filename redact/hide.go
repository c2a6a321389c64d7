// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package redact

import (
	"cmp"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"html"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Shortest is the length from which a text counts as a secret. Shorter ones occur in
// messages by chance.
const Shortest = 4

// shaped finds what is a secret by its form, whoever it belongs to: tokens of Vault,
// JSON Web Tokens and private keys in PEM.
var shaped = regexp.MustCompile(`\bhv[sbr]\.[A-Za-z0-9_-]{8,}` +
	`|\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*)?` +
	`|(?s)-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)`)

// Hider replaces secrets in texts that others have written, such as the answer of a
// server. The zero value knows no secret, and replaces only what has the form of one.
type Hider struct{ replacer *strings.Replacer }

// NewHider returns a Hider of the secrets, in each form in which a server may quote
// them: as they are, escaped as in JSON, Go, URLs or HTML, and encoded in base64, alone
// or within a longer text, or in hexadecimal. Those that are shorter than Shortest are
// skipped.
func NewHider(secrets []Secret) Hider {
	var forms []string
	for _, s := range secrets {
		if len(s) >= Shortest {
			forms = append(forms, formsOf(string(s))...)
		}
	}
	forms = slices.DeleteFunc(forms, func(f string) bool { return len(f) < Shortest })
	if len(forms) == 0 {
		return Hider{}
	}
	// The replacer takes the first match: a text must come before its prefixes.
	slices.SortFunc(forms, func(a, b string) int { return cmp.Or(cmp.Compare(len(b), len(a)), cmp.Compare(a, b)) })
	forms = slices.Compact(forms)
	pairs := make([]string, 0, 2*len(forms))
	for _, f := range forms {
		pairs = append(pairs, f, Mark)
	}
	return Hider{strings.NewReplacer(pairs...)}
}

// Hide returns the text with Mark in place of each secret.
func (h Hider) Hide(text string) string {
	if h.replacer != nil {
		text = h.replacer.Replace(text)
	}
	return shaped.ReplaceAllLiteralString(text, Mark)
}

// formsOf returns the forms in which a text may be quoted.
func formsOf(s string) []string {
	forms := []string{s, url.QueryEscape(s), url.PathEscape(s), html.EscapeString(s), hex.EncodeToString([]byte(s)), strings.ToUpper(hex.EncodeToString([]byte(s)))}
	quoted := strconv.Quote(s)
	forms = append(forms, quoted[1:len(quoted)-1])
	if encoded, err := json.Marshal(s); err == nil {
		inner := string(encoded[1 : len(encoded)-1])
		forms = append(forms, inner, strings.ReplaceAll(inner, "/", `\/`))
		nested, _ := json.Marshal(inner) // JSON that is quoted in JSON
		forms = append(forms, string(nested[1:len(nested)-1]))
	}
	if strings.Contains(s, "\n") {
		for line := range strings.Lines(s) {
			forms = append(forms, strings.TrimSpace(line))
		}
	}
	return append(forms, base64Forms(s)...)
}

// base64Forms returns what of a text is the same in every base64 text that contains
// it. That depends on how many bytes are in front of it, modulo three.
func base64Forms(s string) []string {
	if len(s) < 2*Shortest { // too little of it would be left
		return []string{base64.StdEncoding.EncodeToString([]byte(s))}
	}
	var forms []string
	for offset := range 3 {
		text := append(make([]byte, offset), s...)
		text = text[:len(text)/3*3]
		for _, encoding := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
			encoded := encoding.EncodeToString(text)
			if offset > 0 {
				encoded = encoded[4:] // its first bytes mix with those in front
			}
			forms = append(forms, encoded)
		}
	}
	return forms
}

// Base64Lines returns the base64 form of a text in lines, as base64 (76 characters
// each) and openssl (64) print it. Each line is also part of the form without line
// breaks.
func Base64Lines(text []byte) string {
	encoded := base64.StdEncoding.EncodeToString(text)
	var lines strings.Builder
	for _, width := range []int{76, 64} {
		for chunk := range slices.Chunk([]byte(encoded), width) {
			lines.Write(chunk)
			lines.WriteByte('\n')
		}
	}
	return lines.String()
}
