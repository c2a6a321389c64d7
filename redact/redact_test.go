// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package redact_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/certagent/certagent/redact"
)

const canary = "hvs.CANARY"

func TestNothingPrintsTheSecret(t *testing.T) {
	type holder struct {
		Token   redact.Secret
		Content redact.Bytes
		Tokens  []redact.Secret
		ByName  map[string]redact.Bytes
	}
	h := holder{canary, redact.Bytes(canary), []redact.Secret{canary}, map[string]redact.Bytes{"a": redact.Bytes(canary)}}

	var log bytes.Buffer
	for _, handler := range []slog.Handler{slog.NewTextHandler(&log, nil), slog.NewJSONHandler(&log, nil)} {
		slog.New(handler).Info("x", "holder", h, "token", h.Token, "content", h.Content)
	}
	asJSON, err := json.Marshal(h)
	if err != nil {
		t.Fatal(err)
	}
	printed := []string{log.String(), string(asJSON), fmt.Errorf("wrapped: %w", errors.New(fmt.Sprint(h))).Error()}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		printed = append(printed, fmt.Sprintf(verb, h.Token), fmt.Sprintf(verb, h.Content), fmt.Sprintf(verb, h))
	}
	for _, p := range printed {
		if strings.Contains(p, canary) || strings.Contains(p, fmt.Sprintf("%x", canary)) {
			t.Errorf("printed the secret: %s", p)
		}
		if !strings.Contains(p, redact.Mark) {
			t.Errorf("no mark in: %s", p)
		}
	}
}

func TestConversionShowsTheSecret(t *testing.T) {
	if got := string(redact.Secret(canary)); got != canary {
		t.Errorf("Secret: got %q", got)
	}
	if got := string(redact.Bytes(canary)); got != canary {
		t.Errorf("Bytes: got %q", got)
	}
}
