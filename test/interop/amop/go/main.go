// A program on go-sdk's client API, told what to do line by line on stdin; ../README.md has the lines.
package main

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"sync"
	"time"

	"github.com/FISCO-BCOS/go-sdk/client"
	"github.com/FISCO-BCOS/go-sdk/conf"
	"github.com/ethereum/go-ethereum/crypto"
)

const repliedWhole = 1024

type command struct {
	Op         string
	ID         int
	Topic      string
	Data       []byte
	Mode       string
	Private    bool
	PrivateKey string
	PublicKeys []string
	File       string
	Messages   [][2]int
	Window     int
}

type agent struct {
	name   string
	client *client.Client
	out    sync.Mutex
}

func (a *agent) say(event map[string]interface{}) {
	line, err := json.Marshal(event)
	if err != nil {
		panic(err)
	}
	a.out.Lock()
	defer a.out.Unlock()
	os.Stdout.Write(append(line, '\n'))
}

func (a *agent) reply(data []byte) []byte {
	if len(data) > repliedWhole {
		sum := sha256.Sum256(data)
		data = []byte(hex.EncodeToString(sum[:]))
	}
	return append([]byte(a.name+":"), data...)
}

func (a *agent) handler(topic, mode string) func([]byte, *[]byte) {
	return func(data []byte, response *[]byte) {
		sum := sha256.Sum256(data)
		event := map[string]interface{}{
			"event": "message", "topic": topic, "bytes": len(data), "sha256": hex.EncodeToString(sum[:]),
		}
		if len(data) <= repliedWhole {
			event["data"] = data
		}
		a.say(event)
		if mode == "silent" {
			time.Sleep(time.Minute)
		}
		*response = a.reply(data)
	}
}

var resultCode = regexp.MustCompile(`-?\d+`)

func (a *agent) answer(id int, data []byte, err error) {
	if err == nil {
		a.say(map[string]interface{}{"event": "answer", "id": id, "code": 0, "data": data})
		return
	}
	code, _ := strconv.Atoi(resultCode.FindString(err.Error()))
	a.say(map[string]interface{}{"event": "answer", "id": id, "code": code, "error": err.Error()})
}

func (a *agent) unicast(id int, c command, data []byte) {
	send := a.client.SendAMOPMsg
	if c.Private {
		send = a.client.SendAMOPPrivateMsg
	}
	response, err := send(c.Topic, data)
	a.answer(id, response, err)
}

func (a *agent) multicast(c command) {
	send := a.client.BroadcastAMOPMsg
	if c.Private {
		send = a.client.BroadcastAMOPPrivateMsg
	}
	a.answer(c.ID, nil, send(c.Topic, c.Data))
}

// Message i is its number and length, then bytes of the file: [offset, size] each.
func (a *agent) bulk(c command) error {
	file, err := os.ReadFile(c.File)
	if err != nil {
		return err
	}
	free := make(chan struct{}, c.Window)
	for i, place := range c.Messages {
		free <- struct{}{}
		data := make([]byte, 8, 8+place[1])
		binary.BigEndian.PutUint32(data, uint32(c.ID+i))
		binary.BigEndian.PutUint32(data[4:], uint32(place[1]))
		data = append(data, file[place[0]:place[0]+place[1]]...)
		go func(id int) {
			a.unicast(id, c, data)
			<-free
		}(c.ID + i)
	}
	return nil
}

func (a *agent) do(c command) error {
	switch c.Op {
	case "subscribe":
		if c.PrivateKey == "" {
			return a.client.SubscribeTopic(c.Topic, a.handler(c.Topic, c.Mode))
		}
		key, err := crypto.HexToECDSA(c.PrivateKey)
		if err != nil {
			return err
		}
		return a.client.SubscribePrivateTopic(c.Topic, key, a.handler(c.Topic, c.Mode))
	case "unsubscribe":
		if c.Private {
			return a.client.UnsubscribePrivateTopic(c.Topic)
		}
		return a.client.UnsubscribeTopic(c.Topic)
	case "claim":
		var keys []*ecdsa.PublicKey
		for _, text := range c.PublicKeys {
			bytes, err := hex.DecodeString(text)
			if err != nil {
				return err
			}
			key, err := crypto.UnmarshalPubkey(bytes)
			if err != nil {
				return err
			}
			keys = append(keys, key)
		}
		return a.client.PublishPrivateTopic(c.Topic, keys)
	case "unicast":
		go a.unicast(c.ID, c, c.Data)
	case "multicast":
		go a.multicast(c)
	case "bulk":
		go func() {
			if err := a.bulk(c); err != nil {
				a.say(map[string]interface{}{"event": "fault", "error": err.Error()})
			}
		}()
	case "exit":
		os.Exit(0)
	default:
		return fmt.Errorf("unknown op %q", c.Op)
	}
	return nil
}

// configuration is read from the file when `where` is one, else put together from host:port and the folder.
func configuration(where, certificates string) (*conf.Config, error) {
	if filepath.Ext(where) == ".toml" {
		all, err := conf.ParseConfigFile(where)
		if err != nil {
			return nil, err
		}
		return &all[0], nil
	}
	account, err := crypto.GenerateKey()
	if err != nil {
		return nil, err
	}
	in := func(file string) string { return filepath.Join(certificates, file) }
	return &conf.Config{
		ChainID: 1, GroupID: 1, NodeURL: where, PrivateKey: crypto.FromECDSA(account),
		CAFile: in("ca.crt"), Cert: in("sdk.crt"), Key: in("sdk.key"),
	}, nil
}

// Arguments: name, host:port or a configuration file, folder of the certificates.
func main() {
	a := &agent{name: os.Args[1]}
	config, err := configuration(os.Args[2], os.Args[3])
	if err == nil {
		a.client, err = client.Dial(config)
	}
	if err != nil {
		a.say(map[string]interface{}{"event": "fault", "error": err.Error()})
		os.Exit(1)
	}
	a.say(map[string]interface{}{"event": "connected"})
	lines := bufio.NewReader(os.Stdin)
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			os.Exit(0)
		}
		var c command
		if err := json.Unmarshal(line, &c); err == nil {
			err = a.do(c)
			if err == nil {
				a.say(map[string]interface{}{"event": "done", "op": c.Op, "id": c.ID})
				continue
			}
			a.say(map[string]interface{}{"event": "refused", "op": c.Op, "id": c.ID, "error": err.Error()})
		} else {
			a.say(map[string]interface{}{"event": "fault", "error": err.Error()})
		}
	}
}
