// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package secrets

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/hashicorp/vault/api"

	"github.com/certagent/certagent/redact"
	"github.com/certagent/certagent/vaultreq"
)

// defaultTimeout is the time-out of one HTTP request if the client sets none.
const defaultTimeout = 60 * time.Second

// question is one HTTP request to Vault.
type question struct {
	method, path string
	query        url.Values
	body         json.RawMessage
	token        string
	unwrapped    bool // do not wrap the answer, whatever the client's setting
}

// vault makes requests to Vault.
type vault struct {
	client *api.Client
	mounts *mounts
	leased atomic.Bool // an answer had a lease, or a token
}

func newVault(client *api.Client) *vault {
	obeyWithoutRetries(client)
	v := &vault{client: client}
	v.mounts = newMounts(v.lookUpMount)
	return v
}

// ask makes one HTTP request and reads its answer. An empty answer is an empty Secret;
// the Secret is nil only beside an error.
func (v *vault) ask(ctx context.Context, q question) (*api.Secret, *Error) {
	r := v.client.NewRequest(q.method, "/v1/"+q.path)
	if q.token != "" {
		r.ClientToken = q.token
	}
	if q.unwrapped {
		r.WrapTTL = ""
	}
	r.Params = q.query
	if q.body != nil {
		if err := r.SetJSONBody(q.body); err != nil {
			return nil, &Error{Class: Refused, cause: err}
		}
	}
	//lint:ignore SA1019 no other call takes a token and a wrap TTL for one request
	response, err := v.client.RawRequestWithContext(ctx, r)
	if response != nil {
		defer response.Body.Close()
	}
	if err != nil {
		return nil, classify(response, err)
	}
	secret, failure := parse(response, q)
	if failure == nil && (secret.LeaseID != "" || secret.Auth != nil) {
		v.leased.Store(true)
	}
	return secret, failure
}

// hide returns the text without what the question carries.
func (q question) hide(text string) string {
	return redact.NewHider(append(vaultreq.SecretsIn(q.body), redact.Secret(q.token))).Hide(text)
}

func parse(response *api.Response, q question) (*api.Secret, *Error) {
	if response.StatusCode != http.StatusOK && response.StatusCode != http.StatusNoContent {
		return nil, malformed("the server answered %d, which Vault does not", response.StatusCode)
	}
	body := &vaultreq.Body{Reader: response.Body}
	secret, err := api.ParseSecret(body)
	switch {
	case err != nil:
		return nil, unreadable(err, body.Cut(err), q)
	case secret == nil:
		return &api.Secret{}, nil
	}
	// vault/api takes an answer whose fields are all empty for the data itself.
	if data, ok := secret.Data["data"]; ok && data == nil && len(secret.Data) == 1 {
		secret.Data = nil
	}
	for i, warning := range secret.Warnings { // which may quote the request
		secret.Warnings[i] = q.hide(warning)
	}
	return secret, nil
}

// unreadable returns the error for an answer that was cut off, or is not Vault's. What
// parsing says may quote the answer.
func unreadable(parsing, cut error, q question) *Error {
	if cut != nil {
		return &Error{Class: Transient, cause: networkCause(cut)}
	}
	return malformed("the answer is not Vault's: %s", oneLine([]string{q.hide(parsing.Error())}, longestReason))
}

// renew renews the lease of an answer. A token renews itself, as in Vault Agent: the
// default policy allows that, but not the renewal of other tokens.
func (v *vault) renew(ctx context.Context, token redact.Secret, s *api.Secret) (*api.Secret, *Error) {
	q := question{method: http.MethodPut, path: "sys/leases/renew", token: string(token), unwrapped: true}
	if s.Auth != nil {
		q.path, q.token, q.body = "auth/token/renew-self", s.Auth.ClientToken, json.RawMessage(`{}`)
	} else {
		body, err := json.Marshal(map[string]string{"lease_id": s.LeaseID})
		if err != nil {
			return nil, &Error{Class: Refused, cause: err}
		}
		q.body = body
	}
	renewal, err := v.ask(ctx, q)
	if err != nil {
		return nil, err
	}
	if s.Auth != nil && renewal.Auth == nil || leaseOf(renewal) <= 0 {
		return nil, malformed("the answer to the renewal has no lease")
	}
	return renewed(s, renewal), nil
}

// lookUpMount requests the path and the type of the mount of a path.
func (v *vault) lookUpMount(ctx context.Context, token, path string) (mount, *Error) {
	s, err := v.ask(ctx, question{
		method: http.MethodGet, path: "sys/internal/ui/mounts/" + path, token: token, unwrapped: true,
	})
	if err != nil {
		return mount{}, err
	}
	where, _ := s.Data["path"].(string)
	kind, _ := s.Data["type"].(string)
	options, _ := s.Data["options"].(map[string]any)
	version, _ := options["version"].(string)
	return mount{path: v.relative(where), kv2: kind == "kv" && version == "2"}, nil
}

// relative removes the client's namespace from the path of a mount, because the client
// sends it with every request.
func (v *vault) relative(mount string) string {
	namespace := strings.Trim(v.client.Namespace(), "/") + "/"
	if rest, ok := strings.CutPrefix(mount, namespace); ok && rest != "" {
		return rest
	}
	return mount
}
