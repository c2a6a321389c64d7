// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package dev

import (
	"encoding/json"
	"maps"
	"net/http"
	"time"

	"github.com/certagent/certagent/dev/internal/backend"
)

// envelope is the outer object of every answer, with its fields in Vault's order.
type envelope struct {
	RequestID     string    `json:"request_id"`
	LeaseID       string    `json:"lease_id"`
	Renewable     bool      `json:"renewable"`
	LeaseDuration int64     `json:"lease_duration"`
	Data          any       `json:"data"`
	WrapInfo      *wrapInfo `json:"wrap_info"`
	Warnings      []string  `json:"warnings"`
	Auth          *authInfo `json:"auth"`
	MountType     string    `json:"mount_type"`
}

// authInfo is the "auth" field: the token that was created or renewed.
type authInfo struct {
	ClientToken    string            `json:"client_token"`
	Accessor       string            `json:"accessor"`
	Policies       []string          `json:"policies"`
	TokenPolicies  []string          `json:"token_policies"`
	Metadata       map[string]string `json:"metadata"`
	LeaseDuration  int64             `json:"lease_duration"`
	Renewable      bool              `json:"renewable"`
	EntityID       string            `json:"entity_id"`
	TokenType      string            `json:"token_type"`
	Orphan         bool              `json:"orphan"`
	MFARequirement any               `json:"mfa_requirement"`
	NumUses        int               `json:"num_uses"`
}

// respond writes the answer of a handler.
func (s *Server) respond(w http.ResponseWriter, c *call, m *mount, res *backend.Response) error {
	if res == nil {
		if c.Operation == backend.Read || c.Operation == backend.List {
			return &backend.Error{Status: http.StatusNotFound}
		}
		w.Header().Set("Cache-Control", "no-store")
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	env, err := s.envelope(c, m, res)
	if err != nil {
		return err
	}
	status := res.Status
	if status == 0 {
		status = http.StatusOK
	}
	if c.wrapTTL > 0 && status < 300 {
		env, err = s.wrap(c, env, res)
		if err != nil {
			return err
		}
		return writeJSON(w, http.StatusOK, env)
	}
	if res.Raw != nil || res.ContentType != "" {
		return writeRaw(w, status, res)
	}
	if status == http.StatusNoContent {
		w.WriteHeader(status)
		return nil
	}
	if !res.TopLevel {
		return writeJSON(w, status, env)
	}
	flat, err := flatten(env)
	if err != nil {
		return err
	}
	return writeJSON(w, status, flat)
}

// envelope completes an answer: it creates the token of a login and the lease.
func (s *Server) envelope(c *call, m *mount, res *backend.Response) (*envelope, error) {
	env := &envelope{
		RequestID: backend.UUID(), Data: res.Data, Warnings: res.Warnings, LeaseID: res.LeaseID, Renewable: res.Renewable,
		LeaseDuration: int64(res.LeaseDuration / time.Second),
	}
	if !c.public && (res.Status == 0 || res.Status == http.StatusOK) {
		env.MountType = m.Type
	}
	switch {
	case res.Auth != nil:
		t, warnings, err := s.login(c, res.Auth)
		if err != nil {
			return nil, err
		}
		env.Auth, env.Warnings = t.info(c.Now), append(env.Warnings, warnings...)
	case res.Token != nil:
		env.Auth = res.Token.(*token).info(c.Now)
	}
	if res.Lease != nil {
		l := s.leases.add(c, res.Lease)
		env.LeaseID, env.Renewable = l.id, l.renewable
		env.LeaseDuration = int64(res.Lease.Duration / time.Second)
	}
	return env, nil
}

// flatten repeats the fields of the data in the envelope.
func flatten(env *envelope) (map[string]any, error) {
	flat := make(map[string]any)
	for _, part := range []any{env.Data, env} {
		text, err := json.Marshal(part)
		if err != nil {
			return nil, err
		}
		fields := make(map[string]any)
		if err := json.Unmarshal(text, &fields); err != nil {
			return nil, err
		}
		maps.Copy(flat, fields)
	}
	return flat, nil
}

func writeJSON(w http.ResponseWriter, status int, body any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(text, '\n')) // the client is gone
	return nil
}

func writeRaw(w http.ResponseWriter, status int, res *backend.Response) error {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Content-Type", res.ContentType)
	w.WriteHeader(status)
	_, _ = w.Write(res.Raw) // the client is gone
	return nil
}

func writeError(w http.ResponseWriter, err error) {
	e := errorOf(err)
	messages := e.Messages
	if messages == nil {
		messages = []string{}
	}
	_ = writeJSON(w, e.Status, map[string]any{"errors": messages}) // marshalling cannot fail
}
