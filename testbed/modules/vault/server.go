package main

import (
	"flag"
	"net"
	"net/http"
	"os"

	log "github.com/hashicorp/go-hclog"
	kubernetes "github.com/hashicorp/vault-plugin-auth-kubernetes"
	kv "github.com/hashicorp/vault-plugin-secrets-kv"
	"github.com/hashicorp/vault/command/server"
	api "github.com/hashicorp/vault/http"
	"github.com/hashicorp/vault/sdk/helper/consts"
	"github.com/hashicorp/vault/sdk/logical"
	"github.com/hashicorp/vault/sdk/physical/file"
	"github.com/hashicorp/vault/vault"
)

// serve answers on the listener of the configuration until the process is killed.
func serve(arguments []string) error {
	flags := flag.NewFlagSet("server", flag.ExitOnError)
	path := flags.String("config", "", "the configuration")
	if err := flags.Parse(arguments); err != nil {
		return err
	}
	config, err := server.LoadConfigFile(*path)
	if err != nil {
		return err
	}
	logger := log.New(&log.LoggerOptions{Name: "vault", Level: log.Info, Output: os.Stderr})
	storage, err := file.NewFileBackend(config.Storage.Config, logger.Named("storage"))
	if err != nil {
		return err
	}
	core, err := vault.NewCore(&vault.CoreConfig{
		Physical:           storage,
		StorageType:        config.Storage.Type,
		CredentialBackends: map[string]logical.Factory{"kubernetes": kubernetes.Factory},
		LogicalBackends:    map[string]logical.Factory{"kv": kv.Factory},
		BuiltinRegistry:    parts{},
		DisableMlock:       config.DisableMlock,
		Logger:             logger,
		RawConfig:          config,
	})
	if err != nil {
		return err
	}
	settings := config.Listeners[0]
	listener, err := net.Listen("tcp", settings.Address)
	if err != nil {
		return err
	}
	logger.Info("listening", "address", listener.Addr().String())
	handler := api.Handler.Handler(&vault.HandlerProperties{Core: core, ListenerConfig: settings})
	return http.Serve(listener, handler)
}

// parts is the registry of what is built in beside the backends given to the core: nothing.
type parts struct{}

func (parts) Contains(name string, kind consts.PluginType) bool {
	return kind == consts.PluginTypeCredential && name == "kubernetes" ||
		kind == consts.PluginTypeSecrets && name == "kv"
}

func (parts) Get(string, consts.PluginType) (func() (any, error), bool) { return nil, false }

func (parts) Keys(consts.PluginType) []string { return nil }

func (parts) DeprecationStatus(string, consts.PluginType) (consts.DeprecationStatus, bool) {
	return consts.Supported, true
}

func (parts) IsBuiltinEntPlugin(string, consts.PluginType) bool { return false }
