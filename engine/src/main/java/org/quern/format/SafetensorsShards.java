package org.quern.format;

import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;
import tools.jackson.core.ObjectReadContext;

/** The shards that an index such as {@code model.safetensors.index.json} lists, as one model. */
public final class SafetensorsShards implements ModelWeights {
  private static final long LONGEST_INDEX = 100_000_000;

  private final Path index;
  private final List<SafetensorsFile> shards;
  private final Map<Path, SafetensorsFile> shardByPath;
  private final Map<String, TensorEntry> tensors;
  private final Map<String, String> metadata;

  private SafetensorsShards(
      Path index, List<SafetensorsFile> shards, Map<String, TensorEntry> tensors) {
    this.index = index;
    this.shards = List.copyOf(shards);
    this.tensors = Collections.unmodifiableMap(tensors);
    Map<Path, SafetensorsFile> byPath = new LinkedHashMap<>();
    Map<String, String> joined = new LinkedHashMap<>();
    for (SafetensorsFile shard : shards) {
      byPath.put(shard.path(), shard);
      shard.metadata().forEach(joined::putIfAbsent);
    }
    this.shardByPath = Collections.unmodifiableMap(byPath);
    this.metadata = Collections.unmodifiableMap(joined);
  }

  /**
   * Opens all shards of an index. Index and shards must agree: each tensor lies in the shard that
   * the index says, none is missing, and none is in two shards.
   *
   * @throws FormatException if they do not, or a file cannot be read or breaks a rule
   */
  public static SafetensorsShards open(Path index) {
    Map<String, String> fileByTensor = readIndex(index);
    TreeMap<String, List<String>> tensorsByFile = new TreeMap<>();
    fileByTensor.forEach(
        (tensor, file) -> tensorsByFile.computeIfAbsent(file, _ -> new ArrayList<>()).add(tensor));
    tensorsByFile.keySet().forEach(file -> requirePlainName(index, file));

    List<SafetensorsFile> shards = new ArrayList<>();
    boolean complete = false;
    try {
      Map<String, TensorEntry> tensors = new LinkedHashMap<>();
      for (Map.Entry<String, List<String>> listed : tensorsByFile.entrySet()) {
        Path path = index.resolveSibling(listed.getKey());
        if (!Files.exists(path)) {
          throw new FormatException(
              "%s lists the shard %s, which is not beside it; download the missing file."
                  .formatted(index, Messages.quote(listed.getKey())));
        }
        SafetensorsFile shard = SafetensorsFile.open(path);
        shards.add(shard);
        requireListed(index, fileByTensor, listed.getKey(), shard);
        for (String name : listed.getValue()) {
          if (!shard.tensors().containsKey(name)) {
            throw new FormatException(
                "%s says that tensor %s is in %s, which does not have it; download both again."
                    .formatted(index, Messages.quote(name), path));
          }
        }
        tensors.putAll(shard.tensors());
      }
      SafetensorsShards opened = new SafetensorsShards(index, shards, tensors);
      complete = true;
      return opened;
    } finally {
      if (!complete) {
        shards.forEach(SafetensorsFile::close);
      }
    }
  }

  private static void requireListed(
      Path index, Map<String, String> fileByTensor, String file, SafetensorsFile shard) {
    for (String name : shard.tensors().keySet()) {
      String listed = fileByTensor.get(name);
      if (!file.equals(listed)) {
        throw new FormatException(
            "%s has tensor %s, which %s %s; download both again."
                .formatted(
                    shard.path(),
                    Messages.quote(name),
                    index.getFileName(),
                    listed == null ? "does not list" : "places in " + Messages.quote(listed)));
      }
    }
  }

  /** Shards lie beside their index; a name with a path in it could reach any file of the user. */
  private static void requirePlainName(Path index, String file) {
    boolean plain =
        file.endsWith(".safetensors")
            && file.indexOf('/') < 0
            && file.indexOf('\\') < 0
            && file.indexOf(':') < 0
            && file.chars().noneMatch(Character::isISOControl);
    if (!plain) {
      throw new FormatException(
          ("%s lists the shard %s, which is no plain name of a .safetensors file beside it;"
                  + " do not use this model.")
              .formatted(index, Messages.quote(file)));
    }
  }

  private static Map<String, String> readIndex(Path index) {
    Map<String, String> map = new LinkedHashMap<>();
    try (InputStream in = Json.open(index, LONGEST_INDEX);
        JsonParser parser = Json.DOCUMENTS.createParser(ObjectReadContext.empty(), Json.utf8(in))) {
      if (parser.nextToken() != JsonToken.START_OBJECT) {
        throw problem(index, "is not a JSON object");
      }
      while (parser.nextToken() == JsonToken.PROPERTY_NAME) {
        String key = parser.currentName();
        JsonToken value = parser.nextToken();
        if (key.equals("weight_map")) {
          readWeightMap(index, parser, value, map);
        } else {
          parser.skipChildren();
        }
      }
      if (parser.nextToken() != null) {
        throw problem(index, "goes on after its closing brace");
      }
    } catch (JacksonException malformed) {
      throw Json.malformed(index, "the index", malformed);
    } catch (IOException unreadable) {
      throw Messages.unreadable(index, unreadable);
    }
    if (map.isEmpty()) {
      throw problem(index, "has no tensors under \"weight_map\"");
    }
    return map;
  }

  private static void readWeightMap(
      Path index, JsonParser parser, @Nullable JsonToken start, Map<String, String> map) {
    if (start != JsonToken.START_OBJECT) {
      throw problem(index, "has no object under \"weight_map\"");
    }
    while (parser.nextToken() == JsonToken.PROPERTY_NAME) {
      String tensor = parser.currentName();
      if (parser.nextToken() != JsonToken.VALUE_STRING) {
        throw problem(index, "does not give a file's name for tensor " + Messages.quote(tensor));
      }
      map.put(tensor, parser.getString());
    }
  }

  private static FormatException problem(Path index, String what) {
    return new FormatException("%s %s; download it again.".formatted(index, what));
  }

  @Override
  public Path path() {
    return index;
  }

  @Override
  public List<Path> files() {
    return List.copyOf(shardByPath.keySet());
  }

  @Override
  public Map<String, TensorEntry> tensors() {
    return tensors;
  }

  @Override
  public Map<String, String> metadata() {
    return metadata;
  }

  @Override
  public MemorySegment segment(String name) {
    SafetensorsFile shard = shardByPath.get(tensor(name).file());
    if (shard == null) {
      throw new IllegalStateException("Tensor " + name + " lies in no open shard.");
    }
    return shard.segment(name);
  }

  @Override
  public void close() {
    shards.forEach(SafetensorsFile::close);
  }
}
