// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package bundle

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/certagent/certagent/redact"
	"github.com/certagent/certagent/safefile"
)

// held is what a command's output must not show.
type held struct {
	values []redact.Secret // of the answers of Vault, and passwords
	lines  map[string]bool // of the files, and words in them
}

const (
	// shortestLine is the length from which a line or a number counts: shorter ones
	// occur by chance.
	shortestLine = 6
	// mostHeld is how much of a file is looked at.
	mostHeld = 1 << 20
)

// secretsHeld returns what the bundle holds, and what is in the files of the bundles that
// a command runs for.
func (b *Bundle) secretsHeld(all []about) *held {
	h := &held{lines: make(map[string]bool)}
	for _, request := range b.wanted {
		if answer, _ := b.secrets.Get(request); answer != nil && answer.Secret != nil {
			h.addValue(answer.Secret.Data)
			if answer.Secret.Auth != nil {
				h.add(answer.Secret.Auth.ClientToken)
			}
			if answer.Secret.WrapInfo != nil {
				h.add(answer.Secret.WrapInfo.Token)
			}
		}
	}
	for _, m := range b.certificates {
		for _, path := range m.password.inputs() {
			if text, _, err := safefile.Head(path, safefile.MaxCredential); err == nil {
				h.add(strings.TrimSpace(string(text)))
			}
		}
	}
	paths := b.about("").files
	for _, f := range b.published.record.Files {
		paths = append(paths, f.Path)
	}
	for _, a := range all {
		paths = append(paths, a.files...)
	}
	slices.Sort(paths)
	for _, path := range slices.Compact(paths) {
		if text, _, err := safefile.Head(path, mostHeld); err == nil {
			h.addFile(string(text) + "\n" + redact.Base64Lines(text))
		}
	}
	return h
}

func (h *held) add(text string) { h.values = append(h.values, redact.Secret(text)) }

// addValue adds every text in the data of an answer.
func (h *held) addValue(value any) {
	switch v := value.(type) {
	case map[string]any:
		for _, item := range v {
			h.addValue(item)
		}
	case []any:
		for _, item := range v {
			h.addValue(item)
		}
	case nil, bool:
	case string:
		h.add(v)
	default: // a number
		if text := fmt.Sprint(v); len(text) >= shortestLine {
			h.add(text)
		}
	}
}

// word finds what looks like a token, a key or a part of one.
var word = regexp.MustCompile(`[A-Za-z0-9+/=_.-]{16,}`)

// addFile adds the lines of a file, and the words in them that could be a secret.
func (h *held) addFile(text string) {
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if len(line) < shortestLine || strings.HasPrefix(line, "-----") {
			continue
		}
		h.lines[line] = true
		for _, w := range word.FindAllString(line, -1) {
			if strings.ContainsAny(w, "0123456789") && !strings.HasPrefix(w, "/") {
				h.lines[w] = true
			}
		}
	}
}

// hide replaces what is held.
func (h *held) hide(text string) string {
	values := h.values
	for line := range h.lines {
		if strings.Contains(text, line) {
			values = append(values, redact.Secret(line))
		}
	}
	return redact.NewHider(values).Hide(text)
}
