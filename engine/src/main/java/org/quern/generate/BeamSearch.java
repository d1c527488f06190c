package org.quern.generate;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;

/**
 * Beam search as Hugging Face's library does it without early stopping: from each step the best 2 ×
 * beams continuations are looked at; those that end are finished hypotheses, the best others go on.
 * A hypothesis is scored by the sum of its tokens' log-probabilities over its length to a power.
 */
final class BeamSearch {
  private record Candidate(int beam, int token, double score) {}

  private record Hypothesis(int[] tokens, double score) {}

  private final Decoder decoder;
  private long promptRead;
  private final int vocabulary;
  private final int beams;
  private final double lengthPenalty;
  private final List<Integer> endOfText;
  private final List<Hypothesis> finished = new ArrayList<>();

  BeamSearch(Decoder decoder, int vocabulary, GenerationOptions options, List<Integer> endOfText) {
    this.decoder = decoder;
    this.vocabulary = vocabulary;
    this.beams = options.beams();
    this.lengthPenalty = options.lengthPenalty();
    this.endOfText = endOfText;
  }

  /** When the prompt had been read, as {@link System#nanoTime} has it. */
  long promptRead() {
    return promptRead;
  }

  /** The best continuation of a prompt by at most {@code most} tokens, its end token left out. */
  int[] search(int[] prompt, int most) {
    MemorySegment logits = decoder.feed(prompt);
    promptRead = System.nanoTime();
    double[] scores = new double[beams];
    // All beams are equal at first; only one may give candidates.
    Arrays.fill(scores, 1, beams, -1e9);
    int[][] sequences = new int[beams][0];
    for (int length = 0; length < most; length++) {
      List<Candidate> best = bestCandidates(logits, scores);
      List<Candidate> next = new ArrayList<>(beams);
      for (int rank = 0; rank < best.size() && next.size() < beams; rank++) {
        Candidate candidate = best.get(rank);
        if (!endOfText.contains(candidate.token())) {
          next.add(candidate);
        } else if (rank < beams) {
          finish(sequences[candidate.beam()], length + 1, candidate.score());
        }
      }
      int[][] extended = new int[beams][];
      int[] parents = new int[beams];
      int[] tokens = new int[beams];
      for (int beam = 0; beam < beams; beam++) {
        Candidate candidate = next.get(Math.min(beam, next.size() - 1));
        int[] sequence = Arrays.copyOf(sequences[candidate.beam()], length + 1);
        sequence[length] = candidate.token();
        extended[beam] = sequence;
        parents[beam] = candidate.beam();
        tokens[beam] = candidate.token();
        scores[beam] = candidate.score();
      }
      sequences = extended;
      if (length + 1 == most || isDone(scores[0], length + 1)) {
        break;
      }
      decoder.cache().reorder(parents, decoder.position());
      logits = decoder.feedEach(tokens);
    }
    for (int beam = 0; beam < beams; beam++) {
      finish(sequences[beam], sequences[beam].length, scores[beam]);
    }
    return finished.stream()
        .max(Comparator.comparingDouble(Hypothesis::score))
        .map(Hypothesis::tokens)
        .orElse(new int[0]);
  }

  private void finish(int[] tokens, int length, double score) {
    finished.add(new Hypothesis(tokens, score / Math.pow(Math.max(1, length), lengthPenalty)));
    finished.sort(Comparator.comparingDouble(Hypothesis::score).reversed());
    if (finished.size() > beams) {
      finished.removeLast();
    }
  }

  private boolean isDone(double best, int length) {
    return finished.size() >= beams
        && finished.getLast().score() >= best / Math.pow(length, lengthPenalty);
  }

  private List<Candidate> bestCandidates(MemorySegment logits, double[] scores) {
    Comparator<Candidate> order =
        Comparator.comparingDouble(Candidate::score)
            .reversed()
            .thenComparing(Candidate::beam)
            .thenComparing(Candidate::token);
    List<Candidate> all = new ArrayList<>();
    for (int beam = 0; beam < beams; beam++) {
      all.addAll(bestOf(logits, beam, scores[beam]));
    }
    all.sort(order);
    return all.subList(0, Math.min(2 * beams, all.size()));
  }

  /** The best 2 × beams continuations of one beam. */
  private List<Candidate> bestOf(MemorySegment logits, int beam, double score) {
    long row = (long) beam * vocabulary;
    double greatest = Double.NEGATIVE_INFINITY;
    for (int token = 0; token < vocabulary; token++) {
      greatest = Math.max(greatest, logits.getAtIndex(JAVA_FLOAT, row + token));
    }
    double total = 0;
    for (int token = 0; token < vocabulary; token++) {
      total += Math.exp(logits.getAtIndex(JAVA_FLOAT, row + token) - greatest);
    }
    double shift = score - greatest - Math.log(total);
    java.util.PriorityQueue<Candidate> best =
        new java.util.PriorityQueue<>(Comparator.comparingDouble(Candidate::score));
    for (int token = 0; token < vocabulary; token++) {
      double candidate = shift + logits.getAtIndex(JAVA_FLOAT, row + token);
      if (best.size() < 2 * beams) {
        best.add(new Candidate(beam, token, candidate));
      } else if (best.element().score() < candidate) {
        best.remove();
        best.add(new Candidate(beam, token, candidate));
      }
    }
    return List.copyOf(best);
  }
}
