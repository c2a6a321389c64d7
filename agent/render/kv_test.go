// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package render

import (
	"errors"
	"testing"

	"github.com/hashicorp/vault/api"

	"github.com/certagent/certagent/settings"
	"github.com/certagent/certagent/vaultreq"
)

// TestWrongVersionOfKVIsNamed is about the mistake that everybody makes once: the values
// of KV version 2 are one level deeper.
func TestWrongVersionOfKVIsNamed(t *testing.T) {
	metadata := map[string]any{"version": 3}
	w := &world{secrets: map[vaultreq.Request]*api.Secret{
		read("secret/data/app"): {Data: map[string]any{"data": map[string]any{"password": "canary", "user": "canary"}, "metadata": metadata}},
		read("kv/app"):          {Data: map[string]any{"password": "canary", "port": "canary"}},
	}}
	const below = "secret/data/app is KV version 2: its values are below .Data.data (keys: password, user)"
	for _, c := range []struct {
		contents, message, hint string
		strict                  bool
	}{
		{`{{ with secret "secret/data/app" }}{{ .Data.password }}{{ end }}`, `test:1:44: executing <.Data.password>: map has no entry for key "password", or it is null`, below, false},
		{`{{ with secret "secret/data/app" }}{{ .Data.password }}{{ end }}`, `test:1:44: executing <.Data.password>: map has no entry for key "password"`, below, true},
		{`{{ (secret "secret/data/app").Data.password }}`, `test:1:30: executing <(secret "secret/data/app").Data.password>: map has no entry for key "password", or it is null`, below, false},
		{`{{ $s := secret "secret/data/app" }}` + "\n" + `{{ $s.Data.user }}`, `test:2:6: executing <$s.Data.user>: map has no entry for key "user", or it is null`, below, false},
		{`{{ with secret "secret/data/app" }}{{ .Data.passwd }}{{ end }}`, `test:1:44: executing <.Data.passwd>: map has no entry for key "passwd", or it is null`, below, false},
		{`{{ with secret "secret/data/app" }}{{ .Data.password | toUpper }}{{ end }}`, ``, below, false},
		{`{{ with secret "secret/data/app" }}{{ .Data.data.passwd }}{{ end }}`, `test:1:44: executing <.Data.data.passwd>: map has no entry for key "passwd", or it is null`, "secret/data/app has the keys password, user", false},
		{`{{ with secret "secret/data/app" }}{{ index .Data "password" }}{{ end }}`, `test:1:39: executing <index .Data "password">: map has no entry for key "password", or it is null`, below, false},
		{`{{ with secret "secret/data/app" }}{{ index .Data.data "passwd" }}{{ end }}`, `test:1:39: executing <index .Data.data "passwd">: map has no entry for key "passwd", or it is null`, "secret/data/app has the keys password, user", false},
		{`{{ with secret "secret/data/app" }}{{ with .Data.data }}{{ .passwd }}{{ end }}{{ end }}`, `test:1:60: executing <.passwd>: map has no entry for key "passwd", or it is null`, "secret/data/app has the keys password, user", false},
		{`{{ with secret "secret/data/app" }}{{ with .Data }}{{ .password }}{{ end }}{{ end }}`, `test:1:55: executing <.password>: map has no entry for key "password", or it is null`, below, false},
		{`{{ with secret "kv/app" }}{{ .Data.data.password }}{{ end }}`, ``, "kv/app is not KV version 2: its values are below .Data (keys: password, port)", false},
		{`{{ with secret "kv/app" }}{{ .Data.passwd }}{{ end }}`, `test:1:35: executing <.Data.passwd>: map has no entry for key "passwd", or it is null`,
			"kv/app has the keys password, port", false},
	} {
		_, err := parsed(t, Input{TemplateText: settings.TemplateText{Contents: c.contents, ErrorOnMissingKey: c.strict}}).Execute(t.Context(), w)
		var located *Error
		if !errors.As(err, &located) {
			t.Errorf("%s\nno error: %v", c.contents, err)
			continue
		}
		if c.message != "" && err.Error() != c.message || located.Hint != c.hint {
			t.Errorf("%s\ngot  %v\nhint %s\nwant %s\nhint %s", c.contents, err, located.Hint, c.message, c.hint)
		}
	}
}
