// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package login

import (
	"net/http"
	"strings"

	"github.com/certagent/certagent/dev/internal/backend"
)

// AppRole is the login method for machines, with a role id and a secret id.
type AppRole struct {
	roles   roles[appRole]
	secrets secretIDs
}

// appRole is an entry of role/.
type appRole struct {
	backend.TokenParams
	BindSecretID       bool            `json:"bind_secret_id"`
	LocalSecretIDs     bool            `json:"local_secret_ids"`
	SecretIDBoundCIDRs []string        `json:"secret_id_bound_cidrs"`
	SecretIDNumUses    int             `json:"secret_id_num_uses"`
	SecretIDTTL        backend.Seconds `json:"secret_id_ttl"`
	id                 string
	name               string
}

// NewAppRole returns the method without roles.
func NewAppRole() *AppRole { return &AppRole{} }

// Routes returns the routes of the method.
func (a *AppRole) Routes() backend.Table {
	return backend.Table{
		{Pattern: "role", List: a.roles.list},
		{Pattern: "role/{name}", Read: a.roles.read, Update: a.write, Delete: a.delete, Exists: a.roles.exists},
		{Pattern: "role/{name}/role-id", Read: a.readRoleID, Update: a.writeRoleID},
		{Pattern: "role/{name}/secret-id", Update: a.newSecretID, List: a.listSecretIDs},
		{Pattern: "role/{name}/custom-secret-id", Update: a.newSecretID},
		{Pattern: "role/{name}/secret-id/lookup", Update: a.lookupSecretID},
		{Pattern: "role/{name}/secret-id/destroy", Update: a.destroySecretID, Delete: a.destroySecretID},
		{Pattern: "role/{name}/secret-id-accessor/lookup", Update: a.lookupSecretID},
		{Pattern: "role/{name}/secret-id-accessor/destroy", Update: a.destroySecretID, Delete: a.destroySecretID},
		{Pattern: "login", Public: true, Update: a.login},
	}
}

func (a *AppRole) write(r *backend.Request) (*backend.Response, error) {
	name := strings.ToLower(r.Params["name"])
	fresh := func() appRole {
		return appRole{TokenParams: backend.NewTokenParams(), BindSecretID: true, id: backend.UUID(), name: name}
	}
	return nil, a.roles.update(name, fresh, func(role *appRole) error {
		if err := r.Fields.Decode(role); err != nil {
			return err
		}
		if err := role.DecodeOld(r.Fields, "period", "policies"); err != nil {
			return err
		}
		var err error
		if role.SecretIDBoundCIDRs, err = backend.ParseCIDRs(role.SecretIDBoundCIDRs); err != nil {
			return err
		}
		if id := r.Fields.String("role_id"); id != "" {
			role.id = id
		}
		if !role.BindSecretID && len(role.SecretIDBoundCIDRs)+len(role.BoundCIDRs) == 0 {
			return backend.Listed(http.StatusInternalServerError, "at least one constraint should be enabled on the role")
		}
		if role.MaxTTL > 0 && role.TTL > role.MaxTTL {
			return backend.BadRequest("'token_ttl' cannot be greater than 'token_max_ttl'")
		}
		return nil
	})
}

func (a *AppRole) delete(r *backend.Request) (*backend.Response, error) {
	a.secrets.deleteRole(r.Params["name"])
	return a.roles.delete(r)
}

func (a *AppRole) readRoleID(r *backend.Request) (*backend.Response, error) {
	role := a.roles.get(r.Params["name"])
	if role == nil {
		return nil, nil
	}
	return backend.Data(map[string]any{"role_id": role.id})
}

func (a *AppRole) writeRoleID(r *backend.Request) (*backend.Response, error) {
	name, id := r.Params["name"], r.Fields.String("role_id")
	if a.roles.get(name) == nil {
		return nil, errNoRole(name)
	}
	if id == "" {
		return nil, backend.BadRequest("missing role_id")
	}
	return nil, a.roles.update(name, func() appRole { return appRole{} }, func(role *appRole) error {
		role.id = id
		return nil
	})
}

func errNoRole(name string) error {
	return backend.Errorf(http.StatusNotFound, "role %q does not exist", name)
}

var errInvalidID = backend.BadRequest("invalid role or secret ID")

func (a *AppRole) login(r *backend.Request) (*backend.Response, error) {
	roleID, secretID := r.Fields.String("role_id"), r.Fields.String("secret_id")
	if roleID == "" {
		return nil, backend.Internal("failed to determine alias name from login request")
	}
	var role *appRole
	for _, candidate := range a.roles.all() {
		if candidate.id == roleID {
			role = candidate
		}
	}
	if role == nil {
		return nil, errInvalidID
	}
	metadata := map[string]string{"role_name": role.name}
	if role.BindSecretID {
		if secretID == "" {
			return nil, backend.BadRequest("missing secret_id")
		}
		if !backend.Within(role.SecretIDBoundCIDRs, r.From) {
			return nil, backend.BadRequest("source address %q unauthorized by CIDR restrictions on the role", r.From)
		}
		more, ok := a.secrets.use(role.name, secretID, r.Now)
		if !ok {
			return nil, errInvalidID
		}
		for key, value := range more {
			metadata[key] = value
		}
		metadata["role_name"] = role.name
	}
	return &backend.Response{Auth: &backend.Auth{TokenParams: role.TokenParams, Alias: roleID, Metadata: metadata}}, nil
}
