/**
 * Expressions as `sympy.srepr` writes them in archives, and as PyTorch prints them: recorded from torch 2.13 with sympy 1.14.
 */
export const PRINTED: readonly (readonly [srepr: string, printed: string])[] = [
  ["Add(Symbol('s77', positive=True, integer=True), Integer(1))", "s77 + 1"],
  ["Add(Mul(Integer(2), Symbol('s18', positive=True, integer=True)), Integer(1))", "2*s18 + 1"],
  ["Mul(Symbol('s0', positive=True, integer=True), Symbol('s1', positive=True, integer=True))", "s0*s1"],
  [
    "Add(Pow(Symbol('s0', positive=True, integer=True), Integer(2)), Mul(Integer(2), Symbol('s0', positive=True, integer=True)), Integer(-3))",
    "s0**2 + 2*s0 - 3",
  ],
  ["Add(Symbol('s0', positive=True, integer=True), Integer(-1))", "s0 - 1"],
  ["Add(Integer(1), Mul(Integer(-1), Symbol('s0', positive=True, integer=True)))", "1 - s0"],
  ["Mul(Integer(-1), Symbol('s0', positive=True, integer=True))", "-s0"],
  [
    "Mul(Integer(-1), Integer(2), Symbol('s0', positive=True, integer=True), Symbol('s1', positive=True, integer=True))",
    "-2*s0*s1",
  ],
  ["FloorDiv(Add(Symbol('s0', positive=True, integer=True), Integer(3)), Integer(4))", "((s0 + 3)//4)"],
  [
    "Add(FloorDiv(Add(Symbol('s0', positive=True, integer=True), Integer(3)), Integer(4)), Integer(1))",
    "(((s0 + 3)//4)) + 1",
  ],
  ["Mul(Integer(2), FloorDiv(Symbol('s0', positive=True, integer=True), Integer(2)))", "2*((s0//2))"],
  ["Pow(FloorDiv(Symbol('s0', positive=True, integer=True), Integer(2)), Integer(2))", "((s0//2))**2"],
  [
    "Mul(Symbol('s1', positive=True, integer=True), FloorDiv(Symbol('s0', positive=True, integer=True), Integer(2)))",
    "s1*((s0//2))",
  ],
  [
    "Add(Mul(Symbol('s0', positive=True, integer=True), FloorDiv(Add(Symbol('s0', positive=True, integer=True), Integer(-1)), Integer(2))), Symbol('s0', positive=True, integer=True))",
    "s0*(((s0 - 1)//2)) + s0",
  ],
  ["Mul(Integer(-1), FloorDiv(Symbol('s0', positive=True, integer=True), Integer(2)))", "-((s0//2))"],
  [
    "FloorDiv(Mul(Symbol('s0', positive=True, integer=True), Symbol('s1', positive=True, integer=True)), Integer(3))",
    "((s0*s1)//3)",
  ],
  ["FloorDiv(Symbol('s0', positive=True, integer=True), Symbol('s1', positive=True, integer=True))", "(s0//s1)"],
  ["FloorDiv(Pow(Symbol('s0', positive=True, integer=True), Integer(2)), Integer(3))", "((s0**2)//3)"],
  [
    "FloorDiv(Add(FloorDiv(Symbol('s0', positive=True, integer=True), Integer(2)), Integer(1)), Integer(2))",
    "((((s0//2)) + 1)//2)",
  ],
  ["FloorDiv(Integer(3), Symbol('s0', positive=True, integer=True))", "(3//s0)"],
  ["FloorDiv(Mul(Integer(-1), Symbol('s0', positive=True, integer=True)), Integer(3))", "((-s0)//3)"],
  ["Mod(Symbol('s0', positive=True, integer=True), Integer(4))", "Mod(s0, 4)"],
  ["Mul(Integer(2), Mod(Symbol('s0', positive=True, integer=True), Integer(4)))", "2*(Mod(s0, 4))"],
  ["Pow(Mod(Symbol('s0', positive=True, integer=True), Integer(4)), Integer(2))", "(Mod(s0, 4))**2"],
  [
    "Add(Symbol('s0', positive=True, integer=True), Mod(Add(Symbol('s0', positive=True, integer=True), Integer(1)), Integer(4)))",
    "s0 + (Mod(s0 + 1, 4))",
  ],
  ["PythonMod(Symbol('u0', integer=True), Integer(-3))", "PythonMod(u0, -3)"],
  ["Symbol('s0', positive=True, integer=True)", "s0"],
  ["Mul(Integer(2), Symbol('s0', positive=True, integer=True))", "2*s0"],
  [
    "Min(Integer(5), Symbol('s0', positive=True, integer=True), Symbol('s1', positive=True, integer=True))",
    "Min(5, s0, s1)",
  ],
  ["Pow(Symbol('s0', positive=True, integer=True), Integer(2))", "s0**2"],
  ["Add(Symbol('s10', positive=True, integer=True), Symbol('s2', positive=True, integer=True))", "s10 + s2"],
  ["Mul(Symbol('s10', positive=True, integer=True), Symbol('s2', positive=True, integer=True))", "s10*s2"],
  [
    "Add(Symbol('s0', positive=True, integer=True), Pow(Symbol('s1', positive=True, integer=True), Integer(2)))",
    "s0 + s1**2",
  ],
  [
    "Add(Pow(Symbol('s0', positive=True, integer=True), Integer(2)), Symbol('s1', positive=True, integer=True))",
    "s0**2 + s1",
  ],
  [
    "Add(Mul(Pow(Symbol('s0', positive=True, integer=True), Integer(2)), Symbol('s1', positive=True, integer=True)), Mul(Symbol('s0', positive=True, integer=True), Pow(Symbol('s1', positive=True, integer=True), Integer(2))))",
    "s0**2*s1 + s0*s1**2",
  ],
  [
    "Add(Mul(Pow(Symbol('s0', positive=True, integer=True), Integer(2)), Symbol('s1', positive=True, integer=True)), Mul(Symbol('s0', positive=True, integer=True), Pow(Symbol('s1', positive=True, integer=True), Integer(2))), Mul(Symbol('s0', positive=True, integer=True), Symbol('s1', positive=True, integer=True)))",
    "s0**2*s1 + s0*s1**2 + s0*s1",
  ],
  ["Add(Symbol('s0', positive=True, integer=True), Symbol('u0', integer=True))", "s0 + u0"],
  ["Add(Mul(Integer(-1), Symbol('s0', positive=True, integer=True)), Symbol('u0', integer=True))", "-s0 + u0"],
  ["TruncToInt(IntTrueDiv(Symbol('s0', positive=True, integer=True), Integer(4)))", "TruncToInt(IntTrueDiv(s0, 4))"],
  [
    "Add(Mul(Integer(2), TruncToInt(IntTrueDiv(Symbol('s0', positive=True, integer=True), Integer(4)))), Integer(1))",
    "2*TruncToInt(IntTrueDiv(s0, 4)) + 1",
  ],
  ["Mul(Float('1.5', precision=53), ToFloat(Symbol('s0', positive=True, integer=True)))", "1.5*ToFloat(s0)"],
  [
    "Add(Mul(Float('1.5', precision=53), ToFloat(Symbol('s0', positive=True, integer=True))), Float('0.25', precision=53))",
    "1.5*ToFloat(s0) + 0.25",
  ],
  [
    "FloatTrueDiv(ToFloat(Symbol('s0', positive=True, integer=True)), Float('2.0', precision=53))",
    "FloatTrueDiv(ToFloat(s0), 2.0)",
  ],
  ["PowByNatural(Integer(2), Symbol('s0', positive=True, integer=True))", "PowByNatural(2, s0)"],
  ["OpaqueUnaryFn_sqrt(ToFloat(Symbol('s0', positive=True, integer=True)))", "OpaqueUnaryFn_sqrt(ToFloat(s0))"],
  ["Equality(Symbol('s0', positive=True, integer=True), Integer(3))", "Eq(s0, 3)"],
  ["Unequality(Symbol('s0', positive=True, integer=True), Integer(3))", "Ne(s0, 3)"],
  ["StrictLessThan(Symbol('s0', positive=True, integer=True), Integer(7))", "s0 < 7"],
  ["GreaterThan(Symbol('s0', positive=True, integer=True), Symbol('s1', positive=True, integer=True))", "s0 >= s1"],
  [
    "And(StrictGreaterThan(Symbol('s1', positive=True, integer=True), Integer(3)), StrictLessThan(Symbol('s0', positive=True, integer=True), Integer(7)))",
    "(s1 > 3) & (s0 < 7)",
  ],
  [
    "Or(Equality(Symbol('s1', positive=True, integer=True), Integer(3)), StrictLessThan(Symbol('s0', positive=True, integer=True), Integer(7)))",
    "Eq(s1, 3) | (s0 < 7)",
  ],
  [
    "Not(Or(Equality(Symbol('s1', positive=True, integer=True), Integer(3)), StrictLessThan(Symbol('s0', positive=True, integer=True), Integer(7))))",
    "~(Eq(s1, 3) | (s0 < 7))",
  ],
  [
    "And(StrictGreaterThan(Symbol('s1', positive=True, integer=True), Integer(4)), Or(Equality(Symbol('s1', positive=True, integer=True), Integer(3)), StrictLessThan(Symbol('s0', positive=True, integer=True), Integer(7))))",
    "(s1 > 4) & (Eq(s1, 3) | (s0 < 7))",
  ],
  [
    "Where(Equality(Symbol('u0', integer=True), Integer(1)), Symbol('s0', positive=True, integer=True), Symbol('s1', positive=True, integer=True))",
    "Where(Eq(u0, 1), s0, s1)",
  ],
  [
    "BitwiseFn_bitwise_and(Symbol('s0', positive=True, integer=True), Symbol('s1', positive=True, integer=True))",
    "BitwiseFn_bitwise_and(s0, s1)",
  ],
  ["CleanDiv(Symbol('s0', positive=True, integer=True), Integer(3))", "(s0//3)"],
  ["Mul(Rational(1, 2), Symbol('s0', positive=True, integer=True))", "s0/2"],
  ["Mul(Rational(3, 2), Symbol('s0', positive=True, integer=True))", "3*s0/2"],
  ["Add(Mul(Rational(1, 2), Symbol('s0', positive=True, integer=True)), Rational(1, 2))", "s0/2 + 1/2"],
  ["Abs(Symbol('u0', integer=True))", "Abs(u0)"],
  ["Mul(Integer(2), Symbol('zuf0'))", "2*zuf0"],
  ["Add(Symbol('zuf0'), Integer(1))", "zuf0 + 1"],
  ["Add(Symbol('zuf0'), ToFloat(Symbol('s0', positive=True, integer=True)))", "zuf0 + ToFloat(s0)"],
  ["Pow(Symbol('s0', positive=True, integer=True), Rational(1, 2))", "sqrt(s0)"],
  ["Pow(Symbol('s0', positive=True, integer=True), Integer(-1))", "1/s0"],
  [
    "Mul(Pow(Symbol('s0', positive=True, integer=True), Integer(-1)), Symbol('s1', positive=True, integer=True))",
    "s1/s0",
  ],
  ["RoundDecimal(Symbol('zuf0'), Integer(2))", "RoundDecimal(zuf0, 2)"],
  ["FloatPow(Symbol('zuf0'), Float('2.0', precision=53))", "FloatPow(zuf0, 2.0)"],
  ["TruncToFloat(Symbol('zuf0'))", "TruncToFloat(zuf0)"],
  ["CeilToInt(Mul(Float('0.29999999999999999', precision=53), Symbol('zuf0')))", "CeilToInt(0.3*zuf0)"],
  [
    "Mul(Float('2.0', precision=53), IntTrueDiv(Add(Symbol('s0', positive=True, integer=True), Integer(1)), Integer(2)))",
    "2.0*(IntTrueDiv(s0 + 1, 2))",
  ],
  ["FloorDiv(Add(Symbol('s0', positive=True, integer=True), Integer(7)), Integer(4))", "((s0 + 7)//4)"],
  [
    "FloorDiv(Add(Mul(Integer(5), Symbol('s0', positive=True, integer=True)), Integer(7)), Integer(4))",
    "((5*s0 + 7)//4)",
  ],
  [
    "FloorDiv(Add(Mul(Integer(3), Symbol('s0', positive=True, integer=True)), Integer(2)), Integer(4))",
    "((3*s0 + 2)//4)",
  ],
  ["Symbol('s1', positive=True, integer=True)", "s1"],
  [
    "Mul(Pow(Symbol('s0', positive=True, integer=True), Integer(2)), FloorDiv(Symbol('s1', positive=True, integer=True), Integer(2)))",
    "s0**2*((s1//2))",
  ],
  [
    "Add(Symbol('s0', positive=True, integer=True), FloorDiv(Symbol('s0', positive=True, integer=True), Integer(2)), FloorDiv(Symbol('s0', positive=True, integer=True), Integer(3)))",
    "s0 + ((s0//2)) + ((s0//3))",
  ],
  [
    "Add(Mul(Symbol('s0', positive=True, integer=True), FloorDiv(Symbol('s1', positive=True, integer=True), Integer(2))), FloorDiv(Symbol('s0', positive=True, integer=True), Integer(2)))",
    "s0*((s1//2)) + ((s0//2))",
  ],
  [
    "Add(Pow(FloorDiv(Symbol('s0', positive=True, integer=True), Integer(2)), Integer(2)), Mul(FloorDiv(Symbol('s0', positive=True, integer=True), Integer(2)), FloorDiv(Symbol('s1', positive=True, integer=True), Integer(2))), Integer(1))",
    "((s0//2))**2 + ((s0//2))*((s1//2)) + 1",
  ],
  [
    "Add(Max(Symbol('s0', positive=True, integer=True), Symbol('s1', positive=True, integer=True)), Mul(Integer(-1), Min(Symbol('s0', positive=True, integer=True), Symbol('s1', positive=True, integer=True))))",
    "Max(s0, s1) - Min(s0, s1)",
  ],
  [
    "Add(FloorDiv(Symbol('s0', positive=True, integer=True), Integer(2)), Mod(Symbol('s0', positive=True, integer=True), Integer(2)))",
    "((s0//2)) + (Mod(s0, 2))",
  ],
  [
    "FloorDiv(Max(Symbol('s0', positive=True, integer=True), Symbol('s1', positive=True, integer=True)), Integer(2))",
    "(Max(s0, s1)//2)",
  ],
  [
    "IsNonOverlappingAndDenseIndicator(Symbol('s0', positive=True, integer=True), Symbol('s1', positive=True, integer=True), Symbol('s1', positive=True, integer=True), Integer(1))",
    "IsNonOverlappingAndDenseIndicator(s0, s1, s1, 1)",
  ],
  [
    "Add(Mul(Integer(-1), Integer(3), Symbol('s0', positive=True, integer=True)), Mul(Integer(2), Symbol('s1', positive=True, integer=True)), Integer(-4))",
    "-3*s0 + 2*s1 - 4",
  ],
  ["Mul(Float('2.0', precision=53), Symbol('zuf0'))", "2.0*zuf0"],
  ["Mul(Float('1.0000000000000001e-5', precision=53), Symbol('zuf0'))", "1.0e-5*zuf0"],
  ["Mul(Float('1.0e+20', precision=53), Symbol('zuf0'))", "1.0e+20*zuf0"],
  ["Mul(Float('0.10000000000000001', precision=53), Symbol('zuf0'))", "0.1*zuf0"],
  ["Mul(Float('0.33333333333333331', precision=53), Symbol('zuf0'))", "0.333333333333333*zuf0"],
  ["Pow(Symbol('zuf0'), Integer(2))", "zuf0**2"],
  [
    "FloorDiv(Add(Symbol('s0', positive=True, integer=True), Integer(1)), Add(Symbol('s1', positive=True, integer=True), Integer(2)))",
    "((s0 + 1)//(s1 + 2))",
  ],
  [
    "FloorDiv(Mul(Integer(2), Symbol('s0', positive=True, integer=True)), Symbol('s1', positive=True, integer=True))",
    "((2*s0)//s1)",
  ],
  [
    "Add(Mul(Integer(-1), Symbol('s0', positive=True, integer=True), FloorDiv(Symbol('s0', positive=True, integer=True), Integer(2))), Integer(-2))",
    "-s0*((s0//2)) - 2",
  ],
  ["Mul(Integer(4), Symbol('s0', positive=True, integer=True))", "4*s0"],
  [
    "Mul(Symbol('s0', positive=True, integer=True), PowByNatural(Integer(2), Symbol('s1', positive=True, integer=True)))",
    "s0*(PowByNatural(2, s1))",
  ],
  ["FloorDiv(Symbol('s0', positive=True, integer=True), Integer(4))", "(s0//4)"],
  ["Max(Integer(1), Symbol('s0', positive=True, integer=True))", "Max(1, s0)"],
  [
    "Min(Add(Mul(Integer(8), Symbol('s15', positive=True, integer=True)), Mul(Integer(8), Symbol('s70', positive=True, integer=True))), Add(Mul(Integer(16), Symbol('s15', positive=True, integer=True)), Mul(Integer(16), Symbol('s70', positive=True, integer=True))))",
    "Min(8*s15 + 8*s70, 16*s15 + 16*s70)",
  ],
  [
    "Add(FloorDiv(Symbol('s77', positive=True, integer=True), Integer(2)), Mul(Integer(-1), Mod(Symbol('s77', positive=True, integer=True), Integer(2))))",
    "((s77//2)) - (Mod(s77, 2))",
  ],
];
