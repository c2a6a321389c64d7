// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package login

import (
	"crypto/sha256"
	"crypto/subtle"
	"strings"

	"github.com/certagent/certagent/dev/internal/backend"
)

// UserPass is the login method with a user name and a password.
type UserPass struct{ users roles[user] }

// user is an entry of users/. The password hash is not a slow one, since passwords
// of a dev server protect nothing.
type user struct {
	backend.TokenParams
	hash [sha256.Size]byte
}

// NewUserPass returns the method without users.
func NewUserPass() *UserPass { return &UserPass{} }

// Routes returns the routes of the method.
func (u *UserPass) Routes() backend.Table {
	return backend.Table{
		{Pattern: "users", List: u.users.list},
		{Pattern: "users/{name}", Read: u.users.read, Update: u.write, Delete: u.users.delete, Exists: u.users.exists},
		{Pattern: "users/{name}/password", Update: u.write},
		{Pattern: "login/{name}", Public: true, Update: u.login},
	}
}

func (u *UserPass) write(r *backend.Request) (*backend.Response, error) {
	name, password := strings.ToLower(r.Params["name"]), r.Fields.String("password")
	if password == "" && u.users.get(name) == nil {
		return nil, backend.BadRequest("missing password")
	}
	fresh := func() user { return user{TokenParams: backend.NewTokenParams()} }
	return nil, u.users.update(name, fresh, func(role *user) error {
		if password != "" {
			role.hash = sha256.Sum256([]byte(password))
		}
		if err := r.Fields.Decode(&role.TokenParams); err != nil {
			return err
		}
		return role.DecodeOld(r.Fields, "max_ttl", "policies", "ttl")
	})
}

func (u *UserPass) login(r *backend.Request) (*backend.Response, error) {
	name := strings.ToLower(r.Params["name"])
	if !r.Fields.Has("password") {
		return nil, backend.BadRequest("missing password")
	}
	role, hash := u.users.get(name), sha256.Sum256([]byte(r.Fields.String("password")))
	if role == nil || subtle.ConstantTimeCompare(hash[:], role.hash[:]) == 0 {
		return nil, backend.BadRequest("invalid username or password")
	}
	return &backend.Response{Auth: &backend.Auth{
		TokenParams: role.TokenParams, DisplayName: name, Alias: name, Metadata: map[string]string{"username": name},
	}}, nil
}
