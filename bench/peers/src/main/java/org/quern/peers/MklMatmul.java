package org.quern.peers;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.mkl.global.mkl_rt;

/** Matrix products by MKL: {@code cblas_sgemm}, row by row, with all threads that are allowed. */
final class MklMatmul implements Product.Multiplier {
  private static final int ROW_MAJOR = 101;
  private static final int AS_IT_IS = 111;
  private static final int TURNED = 112;

  private final Product product;
  private final FloatPointer a;
  private final FloatPointer b;
  private final FloatPointer c;

  private MklMatmul(Product product) {
    this.product = product;
    a = new FloatPointer(Product.random(product.m() * product.k()));
    b = new FloatPointer(Product.random(product.k() * product.n()));
    c = new FloatPointer(Product.random(product.m() * product.n()));
  }

  @Override
  public void multiply() {
    mkl_rt.cblas_sgemm(
        ROW_MAJOR,
        product.turnedA() ? TURNED : AS_IT_IS,
        product.turnedB() ? TURNED : AS_IT_IS,
        product.m(),
        product.n(),
        product.k(),
        1,
        a,
        product.turnedA() ? product.m() : product.k(),
        b,
        product.turnedB() ? product.k() : product.n(),
        product.turnedA() ? 1 : 0,
        c,
        product.n());
  }

  @Override
  public void close() {
    a.close();
    b.close();
    c.close();
  }

  /** Options: {@code --threads} and {@code --shapes}, with commas between. */
  public static void main(String[] arguments) throws IOException {
    Options options = new Options(arguments);
    mkl_rt.MKL_Set_Num_Threads(options.number("threads"));
    byte[] version = new byte[200];
    mkl_rt.MKL_Get_Version_String(version, version.length);
    String title =
        new String(version, java.nio.charset.StandardCharsets.US_ASCII)
            .replaceAll(".*Version ([0-9.]+).*", "MKL $1");
    List<String> members = new ArrayList<>();
    members.add(Measure.member("peer", title.strip()));
    members.addAll(Product.measure(options.text("shapes"), MklMatmul::new));
    Measure.print(members);
  }
}
