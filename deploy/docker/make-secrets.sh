#!/bin/sh
# Makes the secrets of docker-compose.yml: random, once; what is there is kept.
# To change one, remove its file, run this again, and recreate the containers (docker compose up --force-recreate).
set -eu
umask 077
folder=${1:-"$(dirname "$0")/secrets"}
mkdir -p "$folder"
cd "$folder"

random() { LC_ALL=C tr -dc 'A-Za-z0-9' < /dev/urandom | head -c 40; }

# Containers read the files as users of their own, so the files are readable; the folder is closed to other users.
write() { rm -f "$1"; cat > "$1"; chmod 0444 "$1"; }
keep() { [ -s "$1" ] || write "$1"; }

keep evalstream_kafka_password << END
$(random)
END
keep evalstream_clickhouse_password << END
$(random)
END
keep grafana_admin_password << END
$(random)
END
# One key for who asks, one for who uploads too, one for who operates. Keys of people's own: deploy/README.md.
keep evalstream_api_keys << END
$(random)=read
$(random)=read+write
$(random)=read+write+admin
END

# What follows says the same passwords in the words of Kafka and ClickHouse.
write kafka_jaas.conf << END
KafkaServer {
  org.apache.kafka.common.security.plain.PlainLoginModule required
  user_evalstream="$(cat evalstream_kafka_password)";
};
END
hash=$(printf %s "$(cat evalstream_clickhouse_password)" | sha256sum | cut -d ' ' -f 1)
write clickhouse_users.xml << END
<clickhouse>
  <users>
    <default remove="remove"/>
    <evalstream>
      <password_sha256_hex>$hash</password_sha256_hex>
      <networks><ip>::/0</ip></networks>
      <profile>default</profile>
      <quota>default</quota>
    </evalstream>
  </users>
</clickhouse>
END
echo "secrets are in $(pwd)"
